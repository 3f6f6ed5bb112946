/**
 * Watches a JSON answer that nobody expected to be a list while it streams past, and cuts it off the moment it turns out to be one:
 * a direct member `tools`, `prompts`, `resources` or `resourceTemplates` of the top-level `result` with an array value.
 * Keeps nothing but where it stands: constant memory, bytes go on untouched. Lists that are expected are filtered, not watched.
 * Invariant: the byte that opens the array never goes on, nor does anything after it; whatever a lenient reader might take for it neither.
 */
