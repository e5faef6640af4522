// Puts the focus back where it was before a dialog opened: the dialog's own way does so only where that was no part of a
// component, because a component keeps its elements to itself; people without a mouse then began at the top of the page.

import { deepestActive } from "./focused.js"

const DIALOG = '[role="dialog"]'

let before = null // what had the focus last, outside of every dialog
let list = null // the component that it stands in
let open = false
let page = "" // on which it opened

document.addEventListener("focusin", (event) => {
  const at = event.composedPath()[0]
  if (event.composedPath().some((one) => one instanceof Element && one.matches(DIALOG))) return
  before = at
  list = at.getRootNode().host ?? null
})

new MutationObserver(() => {
  const now = Boolean(document.querySelector(DIALOG))
  if (now === open) return
  open = now
  if (open) page = location.pathname
  else if (location.pathname === page) setTimeout(giveBack) // after the dialog's own way
}).observe(document.body, { childList: true, subtree: true })

function giveBack() {
  const at = deepestActive()
  if (open || (at && at !== document.body)) return
  // A list that was drawn anew has other cells; one of them takes the focus.
  const other = list?.isConnected ? list.shadowRoot.querySelector('[role="grid"] [tabindex="0"]') : null
  const target = before?.isConnected ? before : other
  target?.focus({ preventScroll: true })
}
