// The door of the images: building them, and whether that can be done here.

export { buildImages, type Image, imageNames } from './build-images.ts';
export type { ImageConfig } from './buildah.ts';
export type { ImageName } from './context.ts';
export { ImagesImpossible, whyNoImages } from './programs.ts';
