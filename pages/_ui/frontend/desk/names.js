// Names and roles for screen readers where Streamlit gives none, or wrong ones: its Help buttons beside text are all "Help",
// an icon is read by the name of its glyph ("check_circle icon"), before the word that says the same, and the menu is a list
// whose parts are no items, with items that are in no list. Here the menu's parts are groups of links, with their names.
// Each list's button "CSV" is named by its list too, and buttons and links of one name by the heading above each, or by the
// words beside it: by their names alone people tell several on a page apart. Headings have levels without gaps. Words in
// another language say in which, so that a voice reads them by its rules; and what a person comes to within a tab is said.

import { isDrawn } from "./history.js"

const ICON = 'span[role="img"][aria-label$=" icon"]'
const HELP = 'button[aria-label="Help"]'
const MENU = '[data-testid="stSidebarNavItems"]'
const CSV = '[data-testid="stDownloadButton"] button'
const LIST = "[data-list]" // list.js writes its list's name there
const HEADING = "h1, h2, h3, h4, h5, h6"
const BUTTON = '[data-testid="stButton"] button, a[data-testid="stPageLink-NavLink"]'
const ANCHOR = 'a[aria-label^="Link to heading"]'
const FOREIGN = '[class*="-in-language-"]' // the key of a container whose words are in another language
const MOST = 80 // characters

const heard = new WeakMap() // what was said of an element, and of which text: most are the same when the page changes

function spoken(element) {
  const whole = element.textContent
  const before = heard.get(element)
  if (before?.whole === whole) return before.words
  const words = wordsOf(element)
  heard.set(element, { whole, words })
  return words
}

function wordsOf(element) {
  const copy = element.cloneNode(true)
  for (const silent of copy.querySelectorAll(`[role="img"], [data-testid="stIconMaterial"], button, svg`)) silent.remove()
  return copy.textContent.replace(/\s+/g, " ").trim()
}

// A figure that stands behind its name, in a row, is named with it: "Created 7 days ago".
function figure(element) {
  const before = element?.previousElementSibling
  const named = element?.parentElement?.matches('[data-testid="stHorizontalBlock"]') && before?.querySelector('[data-testid="stCaptionContainer"]')
  return named ? `${spoken(before)}: ${spoken(element)}` : element ? spoken(element) : ""
}

// The levels without gaps: Streamlit's title is of level 1 and its next heading of level 3.
function level(page) {
  const open = []
  for (const one of page.querySelectorAll(`[data-testid="stMain"] :is(${HEADING})`)) {
    const own = Number(one.tagName[1])
    while (open.length && open.at(-1) >= own) open.pop()
    open.push(own)
    if (open.length !== own || one.ariaLevel) say(one, "aria-level", String(open.length))
  }
}

const told = new WeakMap() // what was written on a button when it was named here: the page may use the element for another

function tellApart(page) {
  const alike = new Map()
  let heading = ""
  for (const one of page.querySelectorAll(`[data-testid="stMain"] :is(${HEADING}, ${BUTTON})`)) {
    if (!one.matches(BUTTON)) {
      heading = spoken(one)
      continue
    }
    const words = spokenOf(one)
    if (told.has(one) && told.get(one) !== words) {
      told.delete(one)
      one.removeAttribute("aria-label")
    }
    if (words && one.checkVisibility()) alike.set(words, [...(alike.get(words) ?? []), { one, heading }])
  }
  for (const [words, buttons] of alike) {
    if (buttons.length < 2) continue
    const headings = buttons.map(({ heading }) => heading)
    for (const { one, heading } of buttons) {
      if (one.ariaLabel && !told.has(one)) continue
      const alone = headings.indexOf(heading) === headings.lastIndexOf(heading)
      told.set(one, words)
      say(one, "aria-label", `${words}: ${(alone ? heading : beside(one)).slice(0, MOST)}`)
    }
  }
}

// The words that stand nearest to a button, in its row or its card.
function beside(button) {
  let around = button.parentElement
  while (around && !spoken(around)) around = around.parentElement
  return around ? spoken(around) : ""
}

// What is written on a button.
function spokenOf(button) {
  return spoken(button.querySelector("p") ?? button)
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
    const text = figure(whole)
    if (text) help.setAttribute("aria-label", `Help for ${text.slice(0, MOST)}`)
  }
  for (const link of page.querySelectorAll(ANCHOR)) say(link, "aria-label", `Link to heading ${spoken(link.closest(HEADING) ?? link)}`.trim())
  nameDownloads(page)
  tellApart(page)
  level(page)
  for (const one of page.querySelectorAll(FOREIGN)) say(one, "lang", one.className.match(/-in-language-([a-z]+)/)[1])
  for (const item of page.querySelectorAll(`${MENU}:not([role]), ${MENU} li:not([role])`)) item.setAttribute("role", "none")
  for (const heading of page.querySelectorAll(`${MENU} [data-testid="stNavSectionHeader"]`)) {
    say(heading.parentElement, "role", "group")
    say(heading.parentElement, "aria-label", spoken(heading))
  }
}

// Here the title of the page is said that a person came to; where the browser loads a page, it says that itself.
const region = document.createElement("div")
region.setAttribute("role", "status")
region.style.cssText = "position:fixed;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"
document.body.append(region)
let title = null

function announce(page) {
  const heading = page.querySelector('[data-testid="stMain"] h1')
  const now = heading && isDrawn() ? spoken(heading) : null
  if (now === null || now === title) return
  if (title !== null) region.textContent = now
  title = now
}

// With the picture that shows what was drawn, and once for it.
let waiting = false
new MutationObserver(() => {
  if (waiting) return
  waiting = true
  requestAnimationFrame(() => {
    waiting = false
    nameAll(document)
    announce(document)
  })
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-list", "data-test-script-state"] })

// The page may be drawn whole by the time that this script comes.
nameAll(document)
announce(document)
