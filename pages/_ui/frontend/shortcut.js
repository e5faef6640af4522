// The slash key puts the cursor into the search box: the page's own where it has one, else that of the side bar.

const TYPING = "input, textarea, select, [contenteditable], [role=dialog] *"

const DRAWN_MS = 5000

function visible(element) {
  return element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden"
}

function box(page, names) {
  for (const name of names) {
    const found = [...page.querySelectorAll(`[class*="st-key-${name}"] input`)].find(visible)
    if (found) return found
  }
  return null
}

// The box may be drawn a little later than this component.
function enter(page, names, since) {
  if (page.activeElement && page.activeElement !== page.body) return
  const found = box(page, names)
  if (found) found.focus()
  else if (performance.now() - since < DRAWN_MS) setTimeout(() => enter(page, names, since), 50)
}

const focused = new WeakSet()

export default function ({ data, parentElement }) {
  const page = parentElement.ownerDocument
  const pressed = (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const at = event.composedPath()[0]
    if (at instanceof Element && at.closest(TYPING)) return
    const found = box(page, data.boxes)
    if (!found) return
    event.preventDefault()
    found.focus()
    found.select()
  }
  page.addEventListener("keydown", pressed)
  if (data.focus && !focused.has(parentElement)) {
    focused.add(parentElement)
    enter(page, data.boxes, performance.now())
  }
  return () => page.removeEventListener("keydown", pressed)
}
