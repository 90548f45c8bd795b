/* Drawing anew under the reader's hands: the focus stays on what has the same id. */
export function keepFocus(draw) {
  const id = document.activeElement?.id;
  draw();
  if (id && document.activeElement === document.body) document.getElementById(id)?.focus({ preventScroll: true });
}
