// Names and roles for screen readers where Streamlit gives none, or wrong ones: its Help buttons beside text are all "Help",
// an icon is read by the name of its glyph ("check_circle icon"), before the word that says the same, and the menu is a list
// whose parts are no items, with items that are in no list. Here the menu's parts are groups of links, with their names.
// Each list's button "CSV" is named by its list too: by their names alone people tell several on a page apart.

const ICON = 'span[role="img"][aria-label$=" icon"]'
const HELP = 'button[aria-label="Help"]'
const MENU = '[data-testid="stSidebarNavItems"]'
const CSV = '[data-testid="stDownloadButton"] button'
const LIST = "[data-list]" // list.js writes its list's name there
const MOST = 80 // characters

function spoken(element) {
  const copy = element.cloneNode(true)
  for (const silent of copy.querySelectorAll(`[role="img"], button, svg`)) silent.remove()
  return copy.textContent.replace(/\s+/g, " ").trim()
}

function nameDownloads(page) {
  let list = ""
  for (const one of page.querySelectorAll(`${LIST}, ${CSV}`)) { // in the order of the page: a list stands before its button
    if (one.matches(LIST)) list = one.getAttribute("data-list")
    else if (list && one.querySelector("p")?.textContent === "CSV") say(one, "aria-label", `CSV: ${list}`)
  }
}

// Where it says so already nothing is changed: each change of the page makes the browser look at it again.
function say(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
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
  nameDownloads(page)
  for (const item of page.querySelectorAll(`${MENU}:not([role]), ${MENU} li:not([role])`)) item.setAttribute("role", "none")
  for (const heading of page.querySelectorAll(`${MENU} [data-testid="stNavSectionHeader"]`)) {
    say(heading.parentElement, "role", "group")
    say(heading.parentElement, "aria-label", spoken(heading))
  }
}

// With the picture that shows what was drawn, and once for it.
let waiting = false
new MutationObserver(() => {
  if (waiting) return
  waiting = true
  requestAnimationFrame(() => {
    waiting = false
    nameAll(document)
  })
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-list"] })

// The page may be drawn whole by the time that this script comes.
nameAll(document)
