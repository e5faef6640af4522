// Goes to the desk's pages within this tab, and keeps in the browser's history how each page was left: Back shows it so.
//
// Streamlit follows the address at each `popstate`, so a new entry of the history together with that event is one step
// to another page: one press of Back undoes it.

const KEPT = "clipdesk"
const RESTORE_MS = 4000
const LONGEST_MS = 30_000 // a page that takes longer to draw begins at its top
const REACH_MS = 2000
const QUIET_MS = 200
const SLOW_MS = 15_000 // a page that takes this long to begin
const TWICE_MS = 600 // the second click of a slow double-click

let arrived = history.state?.[KEPT] ?? null // how this page was left, where it was shown before
let visits = 0
let pushed = false // whether the person went on within this page since
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

// --- the role of somebody who tries the desk without sign-in ---

const ROLE = "as"
let role = null // null: people sign in here, and no address names a role

// Keeps the role in every address of the desk, so that a reload and a new tab have it.
export function play(name) {
  role = name
  if (role === null) return
  const others = location.search.slice(1).split("&").filter((pair) => pair && !pair.startsWith(`${ROLE}=`))
  const search = [...others, ...(role ? [`${ROLE}=${encodeURIComponent(role)}`] : [])].join("&")
  if (search === location.search.slice(1)) return
  history.replaceState(history.state, "", `${location.pathname}${search ? `?${search}` : ""}${location.hash}`)
}

// The address with the role, unless it names one.
export function addressed(href) {
  const url = new URL(href, document.baseURI)
  const named = url.search.slice(1).split("&").some((pair) => pair.startsWith(`${ROLE}=`))
  if (role && !named && url.origin === location.origin) url.search += `${url.search ? "&" : "?"}${ROLE}=${encodeURIComponent(role)}`
  return url
}

// The browser opens a link in a new tab by its own address.
function lend(event) {
  const link = role && event.composedPath().find((one) => one instanceof HTMLAnchorElement && one.href)
  if (link && !link.getAttribute("href").startsWith("#")) link.href = addressed(link.href)
}

// True where it went there; a second click on the way goes nowhere. What was chosen by hand, `chosen`, is no second click.
export function goTo(href, chosen = false) {
  const target = addressed(href)
  if ((!chosen && performance.now() - went < TWICE_MS) || target.href === location.href) return false
  went = performance.now()
  write({ ...history.state?.[KEPT], top: mainPart()?.scrollTop ?? 0 })
  stepped = -Infinity
  push({}, "", target)
  window.dispatchEvent(new PopStateEvent("popstate", { state: {} }))
  return true
}

// --- what a part of a chart leads to ---

// Vega keeps the mark that it drew at its element, and would load the whole desk anew for the address of one.
function follows(event) {
  const mark = event.composedPath().find((one) => one instanceof SVGElement && one.__data__?.href)
  if (!mark || event.button > 1) return
  event.preventDefault()
  event.stopPropagation()
  const { href } = mark.__data__
  if (event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey) window.open(addressed(href), "_blank", "noopener")
  else goTo(href)
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
  hold(RESTORE_MS, () => {
    const main = mainPart()
    if (main && Math.abs(main.scrollTop - top) > 1 && main.scrollHeight - main.clientHeight >= top) main.scrollTop = top
  })
}

export function isDrawn() {
  return document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning"
}

// Does it again and again, until the page is drawn and a while has passed, or the person does something.
function hold(span, again) {
  settle()
  const begun = performance.now()
  const timer = setInterval(() => {
    again()
    const since = performance.now() - begun
    if ((since > span && isDrawn()) || since > LONGEST_MS) stop()
  }, 50)
  const acts = ["wheel", "pointerdown", "keydown", "touchmove"]
  const stop = () => {
    clearInterval(timer)
    for (const one of acts) window.removeEventListener(one, stop, true)
    if (settle === stop) settle = () => {}
  }
  settle = stop
  for (const one of acts) window.addEventListener(one, stop, true)
}

// Whether the page was shown before, so that its place is put back.
export function isRestored() {
  return Boolean(arrived?.top) && !pushed
}

// Keeps the container of this key at the top while the parts above it are still being drawn.
export function reach(key) {
  const find = () => document.querySelector(`.st-key-${CSS.escape(key)}`)
  hold(REACH_MS, () => {
    const element = find()
    if (!element) return
    element.style.scrollMarginTop = "4.5rem" // below the header, which covers the page
    element.scrollIntoView({ block: "start" })
  })
}

// Another page begins, as it was left or anew.
function begin(kept) {
  settle()
  visits += 1
  arrived = kept
  pushed = false
}

function follow(event) {
  begin(event.state?.[KEPT] ?? null)
  restore(arrived?.top ?? 0)
  play(role)
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

// Streamlit makes several entries of one step: first the old page with the new query, then the new page; and where a search
// finds one thing alone, what was found and the thing, in an order that hangs on how fast the server is. Back would have to
// be pressed for each, and would show a page with another's query. So all that follows without an act of the person is one
// step here.
const push = history.pushState.bind(history)
let stepped = -Infinity

history.pushState = (state, title, url) => {
  const to = addressed(new URL(url ?? location.href, location.href))
  const rest = performance.now() - stepped < SLOW_MS
  stepped = performance.now()
  if (location.pathname !== to.pathname) begin(null)
  if (rest) history.replaceState(state, title, to)
  else {
    push(state, title, to)
    pushed = true
  }
}

function act(event) {
  if (event.type !== "click" || event.detail < 2) stepped = -Infinity
}

window.addEventListener("popstate", follow)
document.addEventListener("scroll", noteScroll, true)
document.addEventListener("click", swallow, true)
document.addEventListener("click", act, true)
document.addEventListener("click", follows, true)
document.addEventListener("auxclick", follows, true)
document.addEventListener("keydown", act, true)
document.addEventListener("paste", act, true) // also from a menu of the browser's
for (const way of ["pointerdown", "keydown"]) document.addEventListener(way, lend, true)
if (arrived?.top) restore(arrived.top)
