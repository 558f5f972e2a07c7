/** Where a picture lies in an element that shows it whole (`object-fit: contain`). */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Area extends Size {
  readonly left: number;
  readonly top: number;
}

/** In the element's units; null while either has no size. */
export function pictureArea(element: Size, picture: Size): Area | null {
  if (element.width <= 0 || element.height <= 0 || picture.width <= 0 || picture.height <= 0) return null;
  const scale = Math.min(element.width / picture.width, element.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { left: (element.width - width) / 2, top: (element.height - height) / 2, width, height };
}
