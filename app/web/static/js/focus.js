// Where the keyboard is, while what it is on is drawn anew.

const CARD = "li.card[data-item]";

/** Draw a part of the page anew. Who was on a card there stays on the same control of the same item, or comes to what took its place. */
export function keepFocus(container, redraw) {
  const element = document.activeElement;
  const item = container.contains(element) ? element.closest(CARD) : null;
  if (!item) return redraw();
  const [id, label, list] = [item.dataset.item, element.getAttribute("aria-label"), item.parentElement];
  const place = [...list.children].indexOf(item);
  const result = redraw();
  const again = container.querySelector(`li.card[data-item="${CSS.escape(id)}"]`);
  const near = again ?? (container.contains(list) ? list.children[place] ?? list.lastElementChild : container.querySelector(CARD));
  const same = again && label && again.querySelector(`[aria-label="${CSS.escape(label)}"]`);
  (same || near?.querySelector("h3 a"))?.focus({ preventScroll: true });
  return result;
}
