// The slash key puts the cursor into the search box: the page's own where it has one, else that of the side bar.

const TYPING = "input, textarea, select, [contenteditable], [role=dialog] *"

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
    const found = box(page, data.boxes)
    if (found && (page.activeElement === page.body || !page.activeElement)) found.focus()
  }
  return () => page.removeEventListener("keydown", pressed)
}
