/** The life of one request. The types in context.ts hold the order; observe sees every outcome, refusals too. */
import type { Gateway, Received, Reply } from './context.ts';
import { accept } from './stages/accept.ts';
import { authenticate } from './stages/authenticate.ts';
import { authorizeCall } from './stages/authorize-call.ts';
import { authorizeServer } from './stages/authorize-server.ts';
import { forward } from './stages/forward.ts';
import { inject } from './stages/inject.ts';
import { limit } from './stages/limit.ts';
import { observe } from './stages/observe.ts';
import { preflight } from './stages/preflight.ts';
import { read } from './stages/read.ts';
import { resolve } from './stages/resolve.ts';
import { route } from './stages/route.ts';
import { isPreflight } from './stream/cors.ts';

export const serve = observe(async (request: Received, gateway: Gateway): Promise<Reply> => {
  const accepted = accept(request, gateway); //       400, 403, 405, 421: HTTP that two readers could read differently
  if (isPreflight(accepted)) return preflight(accepted); // before anyone is asked who he is
  const known = authenticate(accepted, gateway); //   401; 403 for a gateway that is not who it must be
  const found = resolve(known); //                    404
  const entitled = authorizeServer(found); //         404 as for an unknown one, body still unread
  const admitted = limit(entitled, gateway); //       503, body still unread: whoever sends it slowly holds of his own share
  const asked = await read(admitted, gateway); //     400, 413
  const allowed = authorizeCall(asked); //            unknown tool, prompt, resource
  const routed = route(allowed); //                   508
  const armed = inject(routed, gateway); //           404 for a session that is not this caller's
  return forward(armed, gateway); //                  502, 504
});
