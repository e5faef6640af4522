// Names for screen readers where Streamlit gives none: its Help buttons beside text are all "Help", and an icon is read by
// the name of its glyph ("check_circle icon"), before the word that says the same.

const ICON = 'span[role="img"][aria-label$=" icon"]'
const HELP = 'button[aria-label="Help"]'
const QUIET_MS = 150
const MOST = 80 // characters

function spoken(element) {
  const copy = element.cloneNode(true)
  for (const silent of copy.querySelectorAll(`[role="img"], button, svg`)) silent.remove()
  return copy.textContent.replace(/\s+/g, " ").trim()
}

function nameAll(page) {
  for (const icon of page.querySelectorAll(`${ICON}:not([aria-hidden])`)) {
    const whole = icon.closest("button, a, summary, label, p, li, td, h1, h2, h3") ?? icon.parentElement
    if (spoken(whole) || whole.getAttribute("aria-label")) icon.setAttribute("aria-hidden", "true")
  }
  for (const help of page.querySelectorAll(HELP)) {
    const whole = help.closest('[data-testid="stMetric"], [data-testid="stElementContainer"]')
    const text = whole ? spoken(whole) : ""
    if (text) help.setAttribute("aria-label", `Help for ${text.slice(0, MOST)}`)
  }
}

let waiting = 0
new MutationObserver(() => {
  if (!waiting) {
    waiting = setTimeout(() => {
      waiting = 0
      nameAll(document)
    }, QUIET_MS)
  }
}).observe(document.body, { childList: true, subtree: true })
