/** The smallest image and sound that a client can show. */
export const media = {
  /** PNG, one red pixel. */
  image: {
    type: 'image' as const,
    data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
    mimeType: 'image/png',
  },
  /** WAV without a sample. */
  audio: {
    type: 'audio' as const,
    data: 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=',
    mimeType: 'audio/wav',
  },
};
