// A list: TanStack Table orders and filters the rows, and only those in sight are drawn, each of one height.
//
// One cell takes the focus (the pattern "grid" of the WAI-ARIA practices); the row's address is a real link in its cells.

import "../vendor/table-core-8.21.3/index.production.js"
import { addressed, goTo, keep, left, readList, visit, writeList } from "../desk/history.js"
import { compare, fill, fullOf, isLong, isRight, isSorted, part, sortable, textOf, tracks } from "./cells.js"

const { createTable, getCoreRowModel, getFilteredRowModel, getSortedRowModel } = globalThis.TableCore
const SPARE = 8 // rows drawn beyond each edge
const TYPING_MS = 200
const REPEAT_MS = 600
const CLOCK_MS = 30_000
const GONE_MS = 1000
const FEW_CHOICES = 12 // a column of badges with more words than that is filtered by text
const KEPT_TICKS = 5_000 // more of them are not kept in the browser's history
const EDGES = 2 // pixels of the frame above and below
const TEXT = "*text" // the column that stands for all texts of a row

class List {
  constructor(root) {
    this.root = root
    this.drawn = new Map()
    this.ticked = new Set()
    this.active = { place: -1, col: 0 } // place -1 is the header
    this.state = { sorting: [], columnFilters: [] }
    this.visit = -1
    this.build()
    this.clock = setInterval(() => this.tellTime(), CLOCK_MS)
    this.sized = new ResizeObserver((all) => {
      if (this.data && all.some((one) => one.target === this.probe)) this.measure()
      this.draw()
    })
    this.sized.observe(this.grid)
    this.sized.observe(this.probe)
  }

  build() {
    this.bar = part("div", "bar")
    this.search = part("input")
    this.search.type = "search"
    this.search.placeholder = "Filter this list"
    this.search.oninput = () => {
      clearTimeout(this.typing)
      this.typing = setTimeout(() => this.filter(TEXT, this.search.value.trim()), TYPING_MS)
    }
    this.picks = part("span", "picks")
    this.picks.style.display = "contents"
    this.count = part("span", "count")
    this.count.setAttribute("role", "status")
    this.bar.append(this.search, this.picks, this.count)
    this.grid = part("div", "grid")
    this.grid.setAttribute("role", "grid")
    this.head = part("div", "head")
    this.body = part("div", "body")
    this.none = part("div", "none")
    for (const group of [this.head, this.body]) group.setAttribute("role", "rowgroup")
    this.grid.append(this.head, this.body)
    this.probe = part("span", "probe", "As wide as words are") // changes with the letters' size and the space between them
    this.probe.setAttribute("aria-hidden", "true")
    this.root.append(this.bar, this.grid, this.probe)
    this.grid.addEventListener("scroll", () => {
      this.draw()
      clearTimeout(this.leaving)
      this.leaving = setTimeout(() => this.remember(), TYPING_MS)
    })
    this.grid.addEventListener("click", (event) => this.clicked(event))
    this.grid.addEventListener("keydown", (event) => this.pressed(event))
    this.grid.addEventListener("pointerover", (event) => this.explain(event))
    this.grid.addEventListener("focusin", (event) => this.entered(event))
    this.copying = (event) => this.copy(event)
    this.root.ownerDocument.addEventListener("copy", this.copying)
  }

  dispose() {
    clearInterval(this.clock)
    clearTimeout(this.typing)
    clearTimeout(this.leaving)
    this.sized.disconnect()
    this.root.ownerDocument.removeEventListener("copy", this.copying)
    this.root.replaceChildren()
  }

  // --- what the desk sends ---

  show(data, send) {
    const first = !this.data
    const other = this.data?.of !== data.of
    this.data = data
    this.send = send
    if (first || other) this.ticked = new Set(data.chosen)
    this.texts = []
    this.grid.setAttribute("aria-label", data.label)
    this.root.getRootNode().host?.setAttribute("data-list", data.label) // names.js names the list's download by it
    this.grid.setAttribute("aria-multiselectable", String(data.select === "many"))
    this.grid.style.setProperty("--row", `${data.pixels}px`)
    this.root.style.height = `${data.height}px`
    this.bar.hidden = !data.filter
    this.search.setAttribute("aria-label", `Filter: ${data.label}`)
    this.arrange()
    if (this.visit !== visit()) {
      this.visit = visit()
      this.recall()
    }
    this.model()
    this.drawBar()
    this.drawHead()
    this.refresh()
    this.address()
    if (this.wanted) this.putBack()
  }

  // How wide each column is.
  measure() {
    const { columns, rows } = this.data
    this.tracks = tracks(columns, rows, getComputedStyle(this.grid))
    const tracked = this.tracks.map((one) => one.track)
    this.grid.style.setProperty("--tracks", [...(this.tick ? ["38px"] : []), ...tracked].join(" "))
    const width = [...(this.tick ? ["38px"] : []), ...this.tracks.map((one) => one.min)].join(" + ")
    for (const group of [this.head, this.body]) group.style.minWidth = `calc(${width})`
  }

  // The columns as TanStack reads them; a row is its number in what the desk sent.
  arrange() {
    const { columns, rows } = this.data
    this.tick = this.data.select === "many"
    this.measure()
    this.named = Math.max(0, columns.findIndex((one) => one.kind === "text"))
    const made = columns.map((column) => ({
      id: column.id,
      accessorFn: (row) => sortable(column, row),
      sortingFn: (one, other, id) => compare(one.getValue(id), other.getValue(id)),
      sortUndefined: "last",
      sortDescFirst: ["number", "size", "moment", "distance"].includes(column.kind),
      filterFn: (row, id, word) => column.values[row.original].includes(word),
      enableSorting: isSorted(column),
    }))
    made.push({ id: TEXT, accessorFn: (row) => row, filterFn: (row, id, words) => words.every((word) => this.haystack(row.original).includes(word)) })
    const options = {
      data: Array.from({ length: rows }, (_, row) => row),
      columns: made,
      state: {},
      onStateChange: () => {},
      renderFallbackValue: null,
      getCoreRowModel: getCoreRowModel(),
      getFilteredRowModel: getFilteredRowModel(),
      getSortedRowModel: getSortedRowModel(),
    }
    this.table = createTable(options)
  }

  haystack(row) {
    const now = Date.now()
    const named = this.data.columns.filter((column) => !isRight(column) && column.kind !== "distance")
    this.texts[row] ??= plain(named.map((column) => textOf(column, row, now)).join("\n"))
    return this.texts[row]
  }

  model() {
    const ids = new Set([...this.data.columns.map((one) => one.id), TEXT])
    const state = {
      sorting: this.state.sorting.filter((one) => ids.has(one.id)),
      columnFilters: this.state.columnFilters
        .filter((one) => ids.has(one.id))
        .map((one) => (one.id === TEXT ? { id: TEXT, value: plain(one.value).split(/\s+/) } : one)),
    }
    if (!state.sorting.length && !state.columnFilters.length) {
      this.order = this.table.options.data // as the desk gave them; TanStack takes a second to set 50,000 rows up
      return
    }
    this.table.setOptions((before) => ({ ...before, state: { ...this.table.initialState, ...state } }))
    this.order = this.table.getRowModel().rows.map((row) => row.original)
  }

  // --- order and filters ---

  sort(id) {
    const column = this.data.columns.find((one) => one.id === id)
    if (!column || !isSorted(column)) return
    const [now] = this.state.sorting
    const first = isRight(column) || ["moment", "distance"].includes(column.kind) // the largest first
    const next = now?.id !== id ? first : now.desc === first ? !first : null
    this.state.sorting = next === null ? [] : [{ id, desc: next }]
    this.changed()
    this.drawHead()
  }

  filter(id, value) {
    const others = this.state.columnFilters.filter((one) => one.id !== id)
    this.state.columnFilters = value ? [...others, { id, value }] : others
    this.changed()
  }

  changed() {
    this.model()
    this.grid.scrollTop = 0
    this.active.place = Math.min(this.active.place, this.order.length - 1)
    this.drawBar()
    this.refresh()
    this.address()
  }

  address() {
    const [sorted] = this.state.sorting
    const values = {}
    if (sorted) values.sort = `${sorted.desc ? "-" : ""}${sorted.id}`
    for (const { id, value } of this.state.columnFilters) values[id === TEXT ? "find" : `is.${id}`] = value
    writeList(this.data.key, values)
  }

  // Takes order and filters from the address, and the place from the history.
  recall() {
    const found = readList(this.data.key)
    const sorted = found.sort?.replace(/^-/, "")
    const known = (id) => this.data.columns.some((one) => one.id === id)
    this.state.sorting = sorted && known(sorted) ? [{ id: sorted, desc: found.sort.startsWith("-") }] : []
    this.state.columnFilters = Object.entries(found)
      .filter(([name, value]) => value && name.startsWith("is.") && known(name.slice(3)))
      .map(([name, value]) => ({ id: name.slice(3), value }))
    if (found.find) this.state.columnFilters.push({ id: TEXT, value: found.find })
    this.search.value = found.find ?? ""
    this.wanted = left(this.data.key)
    if (!this.wanted) {
      this.grid.scrollTop = 0
      this.active = { place: -1, col: 0 }
    }
  }

  putBack() {
    const { top, side, place, col, focused, of, ticks } = this.wanted
    this.wanted = null
    if (of === this.data.of && ticks?.length && !this.ticked.size) {
      this.ticked = new Set(ticks)
      this.send.chosen({ of, rows: ticks })
    }
    this.grid.scrollTop = top
    this.grid.scrollLeft = side
    this.active = { place: Math.min(place, this.order.length - 1), col }
    this.draw()
    const page = this.root.ownerDocument
    if (focused && (!page.activeElement || page.activeElement === page.body)) this.cellAt()?.focus({ preventScroll: true })
  }

  remember(focused = false) {
    const { place, col } = this.active
    const chosen = this.data.select !== "open" && this.ticked.size <= KEPT_TICKS
    const ticks = chosen ? [...this.ticked] : []
    keep(this.data.key, { top: this.grid.scrollTop, side: this.grid.scrollLeft, place, col, focused, of: this.data.of, ticks })
  }

  // --- drawing ---

  drawBar() {
    const shown = this.order.length
    const all = this.data.rows
    this.count.textContent = shown === all ? "" : `${shown.toLocaleString("en-US")} of ${all.toLocaleString("en-US")}`
    const filters = new Map(this.state.columnFilters.map((one) => [one.id, one.value]))
    const columns = this.data.columns.filter((one) => one.kind === "badges")
    const choices = columns.map((column) => ({ column, words: this.words(column) })).filter(({ words }) => words.length > 1 && words.length <= FEW_CHOICES)
    this.picks.replaceChildren(
      ...choices.map(({ column, words }) => {
        const pick = part("select")
        pick.setAttribute("aria-label", `Filter by ${column.label}`)
        pick.append(new Option(`${column.label}: all`, ""), ...words.map((word) => new Option(word, word)))
        pick.value = filters.get(column.id) ?? ""
        pick.onchange = () => {
          this.filter(column.id, pick.value)
          this.picks.querySelector(`[data-column="${CSS.escape(column.id)}"]`)?.focus()
        }
        pick.dataset.column = column.id
        return pick
      }),
    )
  }

  words(column) {
    const seen = new Set(column.values.flat())
    const known = column.colours.map(([word]) => word).filter((word) => seen.has(word))
    return [...known, ...[...seen].filter((word) => !known.includes(word))]
  }

  drawHead() {
    const row = part("div", "row")
    row.setAttribute("role", "row")
    row.setAttribute("aria-rowindex", "1")
    const cells = this.data.columns.map((column, place) => {
      const cell = part("div", `cell${isRight(column) ? " right" : ""}`)
      const [sorted] = this.state.sorting
      cell.setAttribute("role", "columnheader")
      const label = part("button", "", "")
      label.type = "button"
      label.tabIndex = -1
      label.append(part("span", "text", column.label), part("span", "arrow"))
      if (isSorted(column)) {
        const way = sorted?.id !== column.id ? "none" : sorted.desc ? "descending" : "ascending"
        cell.setAttribute("aria-sort", way)
      }
      if (column.help) label.title = column.help
      label.dataset.sort = column.id
      cell.append(label)
      return this.mark(cell, place)
    })
    if (this.tick) cells.unshift(this.mark(this.tickAll(), -1))
    row.append(...cells)
    const focused = this.head.contains(focusIn(this.root))
    this.head.replaceChildren(row)
    if (focused) this.cellAt()?.focus()
  }

  mark(cell, col) {
    cell.dataset.col = col
    cell.setAttribute("aria-colindex", String(col + (this.tick ? 2 : 1)))
    return cell
  }

  tickAll() {
    const cell = part("div", "cell tick")
    cell.setAttribute("role", "columnheader")
    this.all = part("input")
    this.all.type = "checkbox"
    this.all.tabIndex = -1
    this.all.setAttribute("aria-label", "Select all rows that the filters show")
    this.all.onchange = () => this.chooseAll(this.all.checked)
    cell.append(this.all)
    return cell
  }

  // Draws all rows in sight anew: their order, their ticks or their values are other ones.
  refresh() {
    const at = focusIn(this.root)
    const focused = this.body.contains(at)
    for (const row of this.drawn.values()) row.remove()
    this.drawn.clear()
    const { pixels, rows } = this.data
    this.body.style.height = `${Math.max(1, this.order.length) * pixels}px`
    this.grid.setAttribute("aria-rowcount", String(this.order.length + 1))
    this.grid.setAttribute("aria-colcount", String(this.data.columns.length + (this.tick ? 1 : 0)))
    this.none.remove()
    if (!this.order.length) {
      this.none.replaceChildren(part("span", "", rows ? "No row matches." : "No rows."))
      if (rows) {
        const clear = part("button", "", "Clear the filters")
        clear.type = "button"
        clear.onclick = () => {
          this.search.value = ""
          this.state.columnFilters = []
          this.changed()
          this.search.focus()
        }
        this.none.append(clear)
      }
      this.grid.append(this.none)
    }
    this.body.hidden = !this.order.length
    this.draw()
    this.tellTicks()
    if (focused) this.cellAt()?.focus({ preventScroll: true })
  }

  draw() {
    if (!this.data) return
    this.makeRoom()
    const { pixels } = this.data
    const top = Math.floor(this.grid.scrollTop / pixels)
    const inSight = Math.ceil(this.grid.clientHeight / pixels)
    const wanted = new Set()
    const last = Math.min(this.order.length - 1, top + inSight + SPARE)
    for (let place = Math.max(0, top - SPARE); place <= last; place += 1) wanted.add(place)
    const { place } = this.active
    if (place >= 0 && place < this.order.length) wanted.add(place) // the focus must not vanish with its row
    for (const [at, row] of this.drawn) {
      if (wanted.has(at)) continue
      row.remove()
      this.drawn.delete(at)
    }
    for (const at of wanted) {
      if (this.drawn.has(at)) continue
      const row = this.row(at)
      this.drawn.set(at, row)
      const after = [...this.body.children].find((one) => Number(one.dataset.place) > at) // in order for screen readers
      this.body.insertBefore(row, after ?? null)
    }
    this.roving()
  }

  // A bar below all rows takes its height from the header: it would cover the last row, and bring a second bar.
  makeRoom() {
    const { pixels } = this.data
    const whole = (this.order.length + 1) * pixels <= this.grid.offsetHeight - EDGES
    const below = this.grid.offsetHeight - EDGES - this.grid.clientHeight
    const taken = whole && this.grid.scrollWidth > this.grid.clientWidth ? below : 0
    if (taken === this.taken) return
    this.taken = taken
    this.head.style.setProperty("--bar", `${taken}px`)
  }

  row(place) {
    const number = this.order[place]
    const { columns, hrefs, select, opens, pixels } = this.data
    const href = hrefs[number] ?? null
    const row = part("div", "row")
    row.setAttribute("role", "row")
    row.setAttribute("aria-rowindex", String(place + 2))
    row.dataset.place = place
    row.style.transform = `translateY(${place * pixels}px)`
    row.classList.toggle("acts", Boolean(href) || opens || select !== "none")
    if (select === "many" || select === "one") row.setAttribute("aria-selected", String(this.ticked.has(number)))
    if (this.tick) row.append(this.mark(this.tickCell(number), -1))
    columns.forEach((column, col) => {
      const side = isRight(column) ? " right" : isLong(column) ? " long" : ""
      const cell = part("div", `cell${side}${href && col === this.named ? " named" : ""}`)
      cell.setAttribute("role", col === this.named ? "rowheader" : "gridcell")
      fill(cell, column, number, href, columns[this.named])
      row.append(this.mark(cell, col))
    })
    return row
  }

  tickCell(number) {
    const cell = part("div", "cell tick")
    cell.setAttribute("role", "gridcell")
    const box = part("input")
    box.type = "checkbox"
    box.tabIndex = -1
    box.checked = this.ticked.has(number)
    box.setAttribute("aria-label", `Select ${textOf(this.data.columns[this.named], number, Date.now())}`)
    cell.append(box)
    return cell
  }

  // --- the focus ---

  cellAt() {
    const { place, col } = this.active
    const row = place < 0 ? this.head.firstChild : this.drawn.get(place)
    const cell = row?.querySelector(`[data-col="${col}"]`)
    return cell?.querySelector("button, input") ?? cell ?? null
  }

  roving() {
    for (const one of this.grid.querySelectorAll('[tabindex="0"]')) one.tabIndex = -1
    let { place, col } = this.active
    if (place < 0 && this.order.length && !this.head.contains(focusIn(this.root))) place = 0 // Tab goes to the rows
    const row = place < 0 ? this.head.firstChild : this.drawn.get(place)
    const cell = row?.querySelector(`[data-col="${col}"]`)
    const target = cell?.querySelector("button, input") ?? cell
    for (const one of this.grid.querySelectorAll(".body .cell:not(.tick):not([tabindex])")) one.tabIndex = -1
    if (target) target.tabIndex = 0
    else if (this.order.length === 0) this.head.querySelector("button")?.setAttribute("tabindex", "0")
  }

  entered(event) {
    const cell = event.target.closest?.(".cell")
    if (!cell) return
    const row = cell.closest(".row")
    this.active = { place: row.dataset.place === undefined ? -1 : Number(row.dataset.place), col: Number(cell.dataset.col) }
    this.roving()
  }

  move(place, col) {
    const least = this.tick ? -1 : 0
    this.active = {
      place: Math.max(-1, Math.min(place, this.order.length - 1)),
      col: Math.max(least, Math.min(col, this.data.columns.length - 1)),
    }
    this.see()
    this.draw()
    const cell = this.cellAt()
    cell?.focus({ preventScroll: true })
    cell?.scrollIntoView?.({ block: "nearest", inline: "nearest" })
  }

  // Scrolls the list itself, so that the header covers no row that has the focus.
  see() {
    const { place } = this.active
    if (place < 0) return
    const { pixels } = this.data
    const room = this.grid.clientHeight - pixels
    const top = place * pixels
    if (top < this.grid.scrollTop) this.grid.scrollTop = top
    else if (top + pixels > this.grid.scrollTop + room) this.grid.scrollTop = top + pixels - room
  }

  pressed(event) {
    const { place, col } = this.active
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.data.pixels) - 2)
    const far = event.ctrlKey || event.metaKey
    const last = this.order.length - 1
    const moves = {
      ArrowDown: [place + 1, col],
      ArrowUp: [place - 1, col],
      ArrowRight: [place, col + 1],
      ArrowLeft: [place, col - 1],
      PageDown: [place + page, col],
      PageUp: [Math.max(0, place - page), col],
      Home: [far ? 0 : place, this.tick ? -1 : 0],
      End: [far ? last : place, this.data.columns.length - 1],
      ...(far || event.altKey ? {} : { j: [place + 1, col], k: [place - 1, col] }),
    }
    if (event.key === "Enter") this.enter(event)
    else if (event.key === " ") this.space(event)
    else if (event.key === "a" && far && this.tick) this.chooseAll(true)
    else if (moves[event.key] && !event.altKey) this.move(...moves[event.key])
    else return
    event.preventDefault()
  }

  enter(event) {
    const { place, col } = this.active
    if (place < 0) {
      if (col >= 0) this.sort(this.data.columns[col].id)
      else this.chooseAll(!this.all.checked)
      return
    }
    const own = this.drawn.get(place)?.querySelector(`[data-col="${col}"] .own`)
    const href = own?.href ?? this.data.hrefs[this.order[place]]
    if (event.ctrlKey || event.metaKey) {
      if (href) window.open(addressed(href), "_blank", "noopener")
    } else if (own) this.leave(own.href)
    else this.act(place)
  }

  space(event) {
    const { place } = this.active
    if (place < 0) this.enter(event)
    else if (this.data.select === "many") this.toggle(place)
    else this.act(place)
  }

  // --- what a row does ---

  clicked(event) {
    const box = event.target.closest(".tick")
    const header = event.target.closest("[data-sort]")
    const row = event.target.closest(".body .row")
    if (header) this.sort(header.dataset.sort)
    if (!row || event.target.closest(".none")) return
    const place = Number(row.dataset.place)
    if (box) {
      this.toggle(place, event.shiftKey)
      return
    }
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return // the browser opens the link
    if (selected(this.root)) {
      event.preventDefault() // a person marks text to copy it
      return
    }
    const own = event.target.closest(".own")
    event.preventDefault()
    if (own) this.leave(own.href)
    else this.act(place)
  }

  act(place) {
    const number = this.order[place]
    const { select, opens, hrefs } = this.data
    const again = this.asked === number && performance.now() - this.askedAt < REPEAT_MS
    this.asked = number
    this.askedAt = performance.now()
    if (again) return // the second click of a double-click
    if (opens) {
      this.remember(true)
      this.send.opened({ of: this.data.of, rows: [number] })
    } else if (select === "one") {
      this.ticked = new Set(this.ticked.has(number) ? [] : [number])
      this.tellChosen()
    } else if (hrefs[number]) this.leave(hrefs[number], place)
    else if (select === "many") this.toggle(place)
  }

  leave(href) {
    this.remember(true)
    goTo(href)
  }

  toggle(place, through = false) {
    const wanted = !this.ticked.has(this.order[place])
    const from = through && this.anchor !== undefined ? Math.min(this.anchor, place) : place
    const to = through && this.anchor !== undefined ? Math.max(this.anchor, place) : place
    for (let at = from; at <= to; at += 1) {
      if (wanted) this.ticked.add(this.order[at])
      else this.ticked.delete(this.order[at])
    }
    this.anchor = place
    this.tellChosen()
  }

  chooseAll(wanted) {
    for (const number of this.order) {
      if (wanted) this.ticked.add(number)
      else this.ticked.delete(number)
    }
    this.tellChosen()
  }

  tellChosen() {
    this.tellTicks()
    this.remember()
    this.send.chosen({ of: this.data.of, rows: [...this.ticked] })
  }

  tellTicks() {
    const { select } = this.data
    if (select !== "many" && select !== "one") return
    for (const [place, row] of this.drawn) {
      const ticked = this.ticked.has(this.order[place])
      row.setAttribute("aria-selected", String(ticked))
      const box = row.querySelector(".tick input")
      if (box) box.checked = ticked
    }
    if (!this.all) return
    const among = this.order.filter((number) => this.ticked.has(number)).length
    this.all.checked = among > 0 && among === this.order.length
    this.all.indeterminate = among > 0 && among < this.order.length
  }

  // --- small things ---

  tellTime() {
    const now = Date.now()
    this.data?.columns.forEach((column, col) => {
      if (column.kind !== "distance") return
      for (const [place, row] of this.drawn) {
        const text = row.querySelector(`[data-col="${col}"] .text`)
        if (text) text.textContent = textOf(column, this.order[place], now)
      }
    })
  }

  // The whole text, or the exact value, on hover.
  explain(event) {
    const cell = event.target.closest(".body .cell:not(.tick)")
    if (!cell) return
    const column = this.data.columns[Number(cell.dataset.col)]
    const number = this.order[Number(cell.closest(".row").dataset.place)]
    const text = cell.querySelector(".text")
    const cut = text && (text.scrollWidth > text.clientWidth || text.scrollHeight > text.clientHeight)
    cell.title = fullOf(column, number) ?? (cut ? text.textContent : "")
  }

  // Ctrl-C copies the cell that has the focus, where no text is marked.
  copy(event) {
    const { place, col } = this.active
    if (place < 0 || col < 0 || !this.body.contains(focusIn(this.root)) || selected(this.root)) return
    event.clipboardData.setData("text/plain", textOf(this.data.columns[col], this.order[place], Date.now()))
    event.preventDefault()
  }
}

function focusIn(root) {
  return root.getRootNode().activeElement
}

function selected(root) {
  const shadow = root.getRootNode()
  const found = shadow.getSelection?.() ?? root.ownerDocument.getSelection()
  return Boolean(found && !found.isCollapsed && found.toString().trim() && root.contains(found.anchorNode))
}

// Letters without case and marks, as people type them.
function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim()
}

const lists = new WeakMap()
const reader = new TextDecoder()

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".list-root")
  if (!root || !data) return undefined
  if (!lists.has(root)) lists.set(root, new List(root))
  const list = lists.get(root)
  const send = {
    chosen: (value) => setStateValue("chosen", value),
    opened: (value) => setTriggerValue("opened", value),
  }
  const text = reader.decode(data)
  if (list.text === text && list.visit === visit()) list.send = send // another run of the page, with the same rows
  else list.show(JSON.parse(text), send)
  list.text = text
  return () => setTimeout(() => forget(root), GONE_MS)
}

function forget(root) {
  if (root.isConnected || !lists.has(root)) return // the page has only sent other rows
  lists.get(root).dispose()
  lists.delete(root)
}
