/** How traffic to a plane's URL reaches its pods. */
export type Ingress =
  | {
      readonly kind: 'load-balancer';
      /** `spec.loadBalancerClass`. @default the cluster's default */
      readonly class?: string | undefined;
      /** Of the Service: what the balancer's controller reads. @default none */
      readonly annotations?: Readonly<Record<string, string>> | undefined;
      /** Plane → address that is reserved for it. @default any that the balancer gives */
      readonly addresses?: Readonly<Record<string, string>> | undefined;
    }
  | {
      readonly kind: 'node-port';
      /** Where the nodes are reached. */
      readonly address: string;
      /** Plane → port of its TLS listener on every node. */
      readonly ports: Readonly<Record<string, number>>;
    }
  | {
      /** Somebody else brings TCP from there to the Service, unchanged. */
      readonly kind: 'given';
      /** Plane → address. */
      readonly addresses: Readonly<Record<string, string>>;
    };
