/** PostgreSQL advisory locks: which number means what. One list, so that two uses never collide. */
export const locks = {
  /** One process migrates. */
  migrate: 70_01,
  /** One instance renders and publishes snapshots. */
  publish: 70_02,
  /** One instance writes the audit ledger. */
  ledger: 70_03,
  /** Serialises the first issue of something that must exist once (admin token, sealing keys). */
  birth: 70_04,
} as const;
