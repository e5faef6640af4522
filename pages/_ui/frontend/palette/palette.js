// The palette: one place to find anything, to go to any page, and to do what the open page offers.

import "../desk/later.js" // the palette is on every page
import "../desk/names.js"
import "../desk/returned.js"
import { TYPED_INTO, deepestActive } from "../desk/focused.js"
import { addressed, goTo, play } from "../desk/history.js"
import { customers, isPinned, opened, pin } from "../desk/recent.js"
import { isClear, sendable } from "./pasted.js"

const FIELD = "input:is([type=text], [type=search], [type=number], [role=combobox]), textarea"
const MOST = 40 // of one group
const BESIDE = /^(Scroll tabs|Show data|Download as|Copy Vega|Fullscreen|Help\b)/ // what Streamlit puts beside charts and labels
const QUESTION = '[role="dialog"], [data-testid="stPopoverBody"]' // what the page asks comes first
const REASON = ':is(input, textarea)[aria-label^="Reason"]' // every form that changes something has one
const SAME_MS = 1000 // a key that is held down pastes again and again
const NOTICE_MS = 5000
const MAC = /Mac|iPhone|iPad/.test(navigator.platform)
const CONTROL = MAC ? "⌘" : "Ctrl "
const KEYS = [
  [`${CONTROL}K`, "Find, go to a page, or do what the page offers"],
  ["/", "The same; on Find, into its box"],
  [`${CONTROL}V`, "Outside of a field: looks for what you copied. Back returns"],
  ["?", "These keys"],
  ["↑ ↓ ← →", "In a list: from cell to cell; also j and k"],
  ["Home End", "First and last cell of a row; with Ctrl, first and last row"],
  ["Enter", "Opens the row; on a heading, sorts"],
  [`${CONTROL}Enter, ${CONTROL}click`, "Opens the row in a new tab"],
  ["Space", "Ticks the row"],
  [`${CONTROL}C`, "Copies the cell"],
  ["Esc", "Closes what is open"],
]

function part(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
}

// No group hides the others.
function few(items) {
  const counts = {}
  return items.filter(({ group }) => (counts[group] = (counts[group] ?? 0) + 1) <= MOST)
}

function visible(element) {
  const inside = element.tagName === "SUMMARY" ? element.parentElement.parentElement : element // what unfolds is seen
  const fold = "details:not([open])" // Streamlit keeps what is folded at its size
  const folded = inside.closest(fold) ?? inside.getRootNode().host?.closest(fold) // a button to copy is inside its own root
  return !folded && element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden"
}

// What a button says, without the name of its icon, which is a ligature in Streamlit's font.
function words(button) {
  const named = button.getAttribute("aria-label")
  if (named) return named
  const copy = button.cloneNode(true)
  copy.querySelectorAll('[data-testid="stIconMaterial"], [aria-hidden="true"]').forEach((one) => one.remove())
  return copy.textContent.trim()
}

class Palette {
  constructor(root) {
    this.root = root
    this.items = []
    this.at = 0
    this.build()
    this.pasting = { text: "", at: -Infinity }
    this.middle = -Infinity // when the middle button was pressed: some browsers paste by it
    this.listening = new AbortController()
    const { signal } = this.listening
    document.addEventListener("keydown", (event) => this.pressed(event), { signal })
    document.addEventListener("paste", (event) => this.pasted(event), { signal })
    document.addEventListener("pointerdown", (event) => event.button === 1 && (this.middle = performance.now()), { signal })
  }

  dispose() {
    this.listening.abort()
    clearTimeout(this.noticed)
    this.dialog.close()
    this.root.replaceChildren()
  }

  build() {
    this.opener = part("button", "opener")
    this.opener.type = "button"
    this.opener.setAttribute("aria-haspopup", "dialog")
    this.opener.setAttribute("aria-keyshortcuts", "Control+K Meta+K /")
    this.opener.append(part("span", "", "Find or go to…"), part("kbd", "", `${CONTROL}K`))
    this.opener.onclick = () => this.show()
    this.dialog = part("dialog")
    this.dialog.setAttribute("aria-label", "Find or go to")
    this.input = part("input")
    this.input.type = "text"
    this.input.maxLength = 8000
    this.input.placeholder = "A customer, video, clip, link, file name, or a page"
    this.input.autocomplete = "off"
    this.input.spellcheck = false
    const box = { role: "combobox", "aria-expanded": "true", "aria-controls": "found", "aria-autocomplete": "list", "aria-label": "Find or go to" }
    for (const [name, value] of Object.entries(box)) this.input.setAttribute(name, value)
    this.list = part("div", "found")
    this.list.id = "found"
    this.list.setAttribute("role", "listbox")
    this.list.setAttribute("aria-label", "What can be opened or done")
    this.help = part("div", "help")
    this.help.tabIndex = 0 // it scrolls in a low window
    this.said = part("div", "said")
    this.said.setAttribute("role", "status")
    this.foot = part("div", "foot", "↑ ↓ choose · Enter opens · Esc closes · ? shows the keys")
    this.dialog.append(this.input, this.said, this.list, this.help, this.foot)
    this.notice = part("div", "notice")
    this.notice.popover = "manual" // above the page also where the side bar is folded
    this.notice.setAttribute("role", "status")
    this.root.append(this.opener, this.dialog, this.notice)
    this.input.oninput = () => this.search()
    this.input.onkeydown = (event) => this.choose(event)
    this.dialog.onclick = (event) => event.target === this.dialog && this.dialog.close()
    this.list.onclick = (event) => {
      const row = event.target.closest("[role=option]")
      if (row) this.run(Number(row.dataset.at), event.ctrlKey || event.metaKey)
    }
  }

  update(data, send) {
    this.data = data
    this.send = send
    play(data.role)
    const early = window.clipdeskEarly?.() // pressed while this script was on its way
    if (early) this.catchUp(early)
  }

  catchUp({ key, text, enter, pasted }) {
    if (pasted) {
      this.lookFor(sendable(pasted))
      return
    }
    if (key === "/" && !text && this.intoBox()) return
    this.show(key === "?" && !text)
    this.input.value = text
    this.search()
    if (text && enter) this.run(this.at)
  }

  // --- opening ---

  pressed(event) {
    if (event.defaultPrevented || !this.data) return
    const control = (MAC ? event.metaKey : event.ctrlKey) && !event.altKey && !event.shiftKey
    if (control && event.key.toLowerCase() === "k") {
      event.preventDefault()
      if (this.dialog.open) this.dialog.close()
      else this.show()
      return
    }
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return
    if (event.key !== "/" && event.key !== "?") return
    const at = event.composedPath()[0]
    if (at instanceof Element && at.closest(TYPED_INTO)) return
    event.preventDefault()
    if (event.key === "?") this.show(true)
    else if (!this.intoBox()) this.show()
  }

  // The page Find has a box of its own.
  box() {
    return [...document.querySelectorAll(`[class*="st-key-${this.data.box}"] input`)].find(visible)
  }

  intoBox() {
    const found = this.box()
    found?.focus()
    found?.select()
    return Boolean(found)
  }

  // --- what is pasted is looked for: outside of a field whatever it is, in an empty box of ours what is clearly no word ---

  pasted(event) {
    if (event.defaultPrevented || !this.data?.find || performance.now() - this.middle < SAME_MS) return
    const text = sendable(event.clipboardData?.getData("text/plain"))
    if (!text) return
    const at = deepestActive()
    if (at?.closest(TYPED_INTO)) {
      const ours = at === this.input || at === this.box()
      const empty = ours && at.selectionStart === 0 && at.selectionEnd === at.value.length // or all of it is marked
      if (!empty || !isClear(text)) return
    } else if (this.dialog.open || this.isAsked()) return
    event.preventDefault()
    this.lookFor(text)
  }

  // Whether the page asks something, or somebody has begun to give a reason, which would be lost on another page.
  isAsked() {
    const begun = [...document.querySelectorAll(REASON)].some((one) => one.value && visible(one))
    return begun || Boolean(document.querySelector(QUESTION))
  }

  lookFor(text) {
    const before = this.pasting
    this.pasting = { text, at: performance.now() }
    if (!text || !this.data.find || (before.text === text && this.pasting.at - before.at < SAME_MS)) return
    this.dialog.close()
    this.tell(text)
    this.send(text)
  }

  tell(text) {
    const shown = part("bdi", "", text.length > 80 ? `${text.slice(0, 80)}…` : text)
    this.notice.replaceChildren("Looked for what you pasted: “", shown, "”. Back returns to where you were.")
    this.notice.showPopover?.()
    clearTimeout(this.noticed)
    this.noticed = setTimeout(() => this.notice.hidePopover?.(), NOTICE_MS)
  }

  show(help = false) {
    if (document.querySelector('[role="dialog"]')) return // a question of the page is open: it comes first
    this.input.value = ""
    this.drawHelp(help)
    this.search()
    this.dialog.showModal()
    this.input.focus()
  }

  drawHelp(help) {
    this.help.hidden = !help
    this.list.hidden = help
    if (!help) return
    const table = part("dl", "keys")
    for (const [keys, meaning] of KEYS) table.append(part("dt", "", keys), part("dd", "", meaning))
    this.help.replaceChildren(table)
  }

  // --- what there is ---

  search() {
    const text = this.input.value.trim()
    if (text) this.drawHelp(false)
    const wanted = plain(text).split(/\s+/).filter(Boolean)
    const fits = (one) => wanted.every((word) => plain(`${one.label} ${one.detail ?? ""}`).includes(word))
    const begins = (one) => plain(one.label).startsWith(plain(text))
    const fitting = this.everything().filter(fits)
    const found = few(text ? fitting.filter(begins) : fitting) // what is named so comes before a search for it
    if (text && this.data.find) {
      found.push({ group: "Find", label: `Find “${text.length > 80 ? `${text.slice(0, 80)}…` : text}”`, run: () => this.send(sendable(text)) })
    }
    if (text) found.push(...few(fitting.filter((one) => !begins(one))))
    this.items = found
    this.at = 0
    this.draw()
  }

  everything() {
    const { person, pages } = this.data
    const { recent, pinned } = customers(person)
    const shown = opened()?.page === location.pathname + location.search ? opened() : null
    const people = (list, group) => list.map((one) => ({ group, label: one.label || one.uid, detail: one.label ? one.uid : "", href: one.href }))
    const pins = new Set(pinned.map((one) => one.uid))
    const own = this.actions()
    if (shown) {
      const label = `${isPinned(person, shown.uid) ? "Unpin" : "Pin"} ${shown.label || shown.uid}`
      own.push({ group: "On this page", label, run: () => pin(person, shown) })
    }
    return [
      ...people(pinned, "Pinned customers"),
      ...people(recent.filter((one) => !pins.has(one.uid)), "Recent customers"),
      ...own,
      ...pages.map((page) => ({ group: "Pages", ...page })),
      { group: "Help", label: "Keys", run: () => this.show(true), stays: true },
    ]
  }

  // Every button, fold, tick and field of the page that somebody could use now, so that no action needs the mouse.
  actions() {
    const main = document.querySelector('[data-testid="stMain"]')
    if (!main) return []
    const hosts = [...main.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
    const buttons = [
      ...[...main.querySelectorAll("button")].filter((one) => !one.closest('[data-testid="stElementToolbar"]')),
      ...hosts.flatMap((host) => [...(host.shadowRoot?.querySelectorAll(".copy-root button") ?? [])]),
      ...main.querySelectorAll('a[data-testid^="stPageLink"], [data-testid="stExpander"] summary'),
      ...main.querySelectorAll('[data-testid="stCheckbox"] input'),
      ...hosts.flatMap((host) => [...(host.shadowRoot?.querySelectorAll(".gallery-root button") ?? [])]),
    ]
    const named = buttons.filter((one) => !one.disabled && visible(one)).map((one) => ({ one, label: words(one) }))
    const seen = new Set()
    const lists = hosts.map((host) => host.shadowRoot?.querySelector("[role=grid]")).filter((grid) => grid && visible(grid))
    const ways = lists.map((grid) => ({
      group: "On this page",
      label: `To the list: ${grid.getAttribute("aria-label")}`,
      run: () => grid.querySelector('[tabindex="0"]')?.focus(),
    }))
    const fields = [...main.querySelectorAll(FIELD)].filter((one) => !one.disabled && one.ariaLabel && visible(one))
    ways.push(
      ...fields.map((one) => ({ group: "On this page", label: one.ariaLabel, detail: "field", run: () => one.focus() })),
    )
    const acts = named
      .filter(({ label }) => label && !BESIDE.test(label) && !seen.has(label) && seen.add(label))
      .map(({ one, label }) => ({ group: "On this page", label, run: () => one.click() }))
    return [...ways, ...acts]
  }

  // --- drawing and choosing ---

  draw() {
    let group = null
    const rows = []
    this.items.forEach((item, at) => {
      if (item.group !== group?.getAttribute("aria-label")) {
        group = part("div")
        group.setAttribute("role", "group")
        group.setAttribute("aria-label", item.group)
        const title = part("div", "group", item.group)
        title.setAttribute("aria-hidden", "true")
        group.append(title)
        rows.push(group)
      }
      const row = part("div", "item")
      row.id = `found-${at}`
      row.dataset.at = at
      row.setAttribute("role", "option")
      row.append(part("span", "label", item.label), part("span", "detail", item.detail ?? ""))
      row.firstChild.dir = "auto"
      group.append(row)
    })
    const count = this.items.length
    this.said.textContent = count ? `${count} to choose from` : "Nothing of this name."
    this.said.classList.toggle("seen", !count)
    this.list.replaceChildren(...rows)
    this.mark()
  }

  mark() {
    for (const row of this.list.querySelectorAll("[role=option]")) {
      row.setAttribute("aria-selected", String(Number(row.dataset.at) === this.at))
    }
    const row = this.list.querySelector('[aria-selected="true"]')
    row?.scrollIntoView({ block: "nearest" })
    if (row) this.input.setAttribute("aria-activedescendant", row.id)
    else this.input.removeAttribute("aria-activedescendant")
  }

  choose(event) {
    const last = this.items.length - 1
    const moves = { ArrowDown: this.at === last ? 0 : this.at + 1, ArrowUp: this.at === 0 ? last : this.at - 1 }
    if (event.key in moves) {
      event.preventDefault()
      this.at = Math.max(0, moves[event.key])
      this.mark()
    } else if (event.key === "Enter") {
      event.preventDefault()
      this.run(this.at, event.ctrlKey || event.metaKey)
    } else if (event.key === "?" && !this.input.value) {
      event.preventDefault()
      this.drawHelp(true)
    }
  }

  run(at, tab) {
    const item = this.items[at]
    if (!item || !this.dialog.open) return
    if (item.stays) {
      this.drawHelp(true)
      return
    }
    this.dialog.close()
    if (item.run) item.run()
    else if (tab) window.open(addressed(item.href), "_blank", "noopener")
    else goTo(item.href, true)
  }
}

const palettes = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".palette-root")
  if (!root || !data) return undefined
  if (!palettes.has(root)) palettes.set(root, new Palette(root))
  const palette = palettes.get(root)
  palette.update(data, (text) => setTriggerValue("find", text))
  return () =>
    setTimeout(() => {
      if (root.isConnected || !palettes.has(root)) return
      palette.dispose()
      palettes.delete(root)
    }, 1000)
}
