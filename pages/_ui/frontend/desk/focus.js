// Puts the cursor into a box of the page, or of the dialog that just opened, once, when no other field has it.

import { TYPED_INTO, deepestActive } from "./focused.js"

const DRAWN_MS = 5000

function visible(element) {
  return element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden"
}

// The box may be drawn a little later than this component. The button or link that was pressed keeps the cursor until it
// is taken away; only what is typed into is left alone.
function enter(page, name, since) {
  if (deepestActive()?.matches(TYPED_INTO)) return
  const found = [...page.querySelectorAll(`[class*="st-key-${name}"] input`)].find(visible)
  if (found) found.focus()
  else if (performance.now() - since < DRAWN_MS) requestAnimationFrame(() => enter(page, name, since))
}

const focused = new WeakSet()

export default function ({ data, parentElement }) {
  if (!focused.has(parentElement)) {
    focused.add(parentElement)
    enter(parentElement.ownerDocument, data.box, performance.now())
  }
  return undefined
}
