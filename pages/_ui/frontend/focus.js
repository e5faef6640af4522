// Puts the cursor into a page's search box, once, when no other field has it.

const DRAWN_MS = 5000

function visible(element) {
  return element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden"
}

// The box may be drawn a little later than this component.
function enter(page, name, since) {
  if (page.activeElement && page.activeElement !== page.body) return
  const found = [...page.querySelectorAll(`[class*="st-key-${name}"] input`)].find(visible)
  if (found) found.focus()
  else if (performance.now() - since < DRAWN_MS) setTimeout(() => enter(page, name, since), 50)
}

const focused = new WeakSet()

export default function ({ data, parentElement }) {
  if (!focused.has(parentElement)) {
    focused.add(parentElement)
    enter(parentElement.ownerDocument, data.box, performance.now())
  }
  return undefined
}
