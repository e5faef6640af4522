// Puts text on the clipboard. Never logs it. Returns whether the browser took it.

import { deepestActive } from "../desk/focused.js"

export async function toClipboard(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      // Not allowed without a click, or the page is not in front: the older way may still work.
    }
  }
  return copyBySelection(text)
}

// Plain http on another host has no navigator.clipboard; a selection that is copied works there after a click.
function copyBySelection(text) {
  const area = document.createElement("textarea")
  area.value = text
  area.setAttribute("aria-hidden", "true")
  area.tabIndex = -1
  area.style.cssText = "position:fixed;top:0;left:0;width:1px;height:1px;opacity:0"
  const before = deepestActive()
  document.body.appendChild(area)
  area.select()
  let done = false
  try {
    done = document.execCommand("copy")
  } catch {
    done = false
  }
  area.remove()
  before?.focus?.({ preventScroll: true })
  return done
}
