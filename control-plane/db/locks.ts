/** PostgreSQL advisory locks: which number means what. One list, so that two uses never collide. */
export const locks = {
  /** One process migrates. */
  migrate: 70_01,
  /** One instance renders and publishes snapshots. */
  publish: 70_02,
  /** One instance orders public certificates. */
  certificates: 70_03,
} as const;
