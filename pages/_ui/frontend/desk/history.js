// Goes to the desk's pages within this tab, and keeps in the browser's history how each page was left: Back shows it so.
//
// Streamlit follows the address at each `popstate`, so a new entry of the history together with that event is one step
// to another page: one press of Back undoes it.

const KEPT = "clipdesk"
const RESTORE_MS = 4000 // a page that takes longer to draw begins at its top
const QUIET_MS = 200
const TWICE_MS = 600 // the second click of a slow double-click

let arrived = history.state?.[KEPT] ?? null // how this page was left, where it was shown before
let visits = 0
let went = -Infinity
let settle = () => {}
let scrolled = 0

// The number of this visit: another one may be another page, or the same page with another address.
export function visit() {
  return visits
}

export function left(list) {
  return arrived?.lists?.[list] ?? null
}

export function keep(list, value) {
  const before = history.state?.[KEPT] ?? {}
  write({ ...before, lists: { ...before.lists, [list]: value } })
}

function write(kept) {
  history.replaceState({ ...history.state, [KEPT]: kept }, "")
}

function mainPart() {
  return document.querySelector('[data-testid="stMain"]')
}

// True where it went there; a second click on the way goes nowhere.
export function goTo(href) {
  const target = new URL(href, document.baseURI)
  if (performance.now() - went < TWICE_MS || target.href === location.href) return false
  went = performance.now()
  write({ ...history.state?.[KEPT], top: mainPart()?.scrollTop ?? 0 })
  history.pushState({}, "", target)
  window.dispatchEvent(new PopStateEvent("popstate", { state: {} }))
  return true
}

// --- a list's order and filters, in the address ---

function named(list) {
  return `${encodeURIComponent(list)}.`
}

export function readList(list) {
  const start = named(list)
  const found = {}
  for (const pair of location.search.slice(1).split("&")) {
    if (!pair.startsWith(start)) continue
    const [name, value = ""] = pair.slice(start.length).split("=")
    try {
      found[decodeURIComponent(name)] = decodeURIComponent(value.replaceAll("+", "%20"))
    } catch {
      continue // not an address of ours
    }
  }
  return found
}

// All other parts of the address stay as they are written, because Streamlit compares them as text.
export function writeList(list, values) {
  const start = named(list)
  const others = location.search.slice(1).split("&").filter((pair) => pair && !pair.startsWith(start))
  const own = Object.entries(values).map(([name, value]) => `${start}${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  const search = [...others, ...own].join("&")
  if (search === location.search.slice(1)) return
  history.replaceState(history.state, "", `${location.pathname}${search ? `?${search}` : ""}${location.hash}`)
}

// --- where the page was scrolled to ---

function restore(top) {
  settle()
  const main = mainPart()
  if (!main) return
  const begun = performance.now()
  const step = () => {
    if (Math.abs(main.scrollTop - top) > 1 && main.scrollHeight - main.clientHeight >= top) main.scrollTop = top
    if (performance.now() - begun > RESTORE_MS) settle()
  }
  const timer = setInterval(step, 50)
  const acts = ["wheel", "pointerdown", "keydown", "touchmove"]
  settle = () => {
    clearInterval(timer)
    for (const act of acts) window.removeEventListener(act, settle, true)
    settle = () => {}
  }
  for (const act of acts) window.addEventListener(act, settle, true)
}

function follow(event) {
  visits += 1
  arrived = event.state?.[KEPT] ?? null
  restore(arrived?.top ?? 0)
}

function noteScroll(event) {
  if (event.target !== mainPart()) return
  clearTimeout(scrolled)
  scrolled = setTimeout(() => write({ ...history.state?.[KEPT], top: mainPart()?.scrollTop ?? 0 }), QUIET_MS)
}

// What is drawn under the pointer while a page changes is not what the second click of a double-click was meant for.
function swallow(event) {
  if (event.detail < 2 || performance.now() - went > TWICE_MS) return
  event.preventDefault()
  event.stopPropagation()
}

window.addEventListener("popstate", follow)
document.addEventListener("scroll", noteScroll, true)
document.addEventListener("click", swallow, true)
if (arrived?.top) restore(arrived.top)
