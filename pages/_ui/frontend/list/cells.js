// What a cell shows, what it sorts by, and how wide its column is. Text only ever goes in as text.

const ABSENT = "—"
const SAMPLE = 200 // rows that a column's width is taken from
const PAD = 18
const PICTURE = 74 // pixels of a column of pictures
const WIDEST = 380
const TEXT_MIN = 150 // pixels that a column of texts keeps in a narrow window; what does not fit shows on hover
const NAME_MIN = 240 // and the first of them, which names the row; on a phone less than half of the list
const LETTERS = new Intl.Collator("en", { numeric: true, sensitivity: "base" })
const NUMBERS = new Intl.NumberFormat("en-US")

function digits(value, count) {
  return value.toLocaleString("en-US", { minimumFractionDigits: count, maximumFractionDigits: count })
}

function exact(ms) {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ")
}

// The same words as the desk writes elsewhere: `26 h 5 min ago`, `in 5 min`.
export function distance(ms, now) {
  const seconds = Math.abs(now - ms) / 1000
  if (seconds < 5) return "just now"
  const words = span(Math.floor(seconds))
  return ms <= now ? `${words} ago` : `in ${words}`
}

function span(seconds) {
  if (seconds >= 172_800) return `${NUMBERS.format(Math.floor(seconds / 86_400))} days`
  if (seconds >= 7200) {
    const minutes = Math.floor((seconds % 3600) / 60)
    return `${Math.floor(seconds / 3600)} h${minutes ? ` ${minutes} min` : ""}`
  }
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${seconds} s`
}

export function textOf(column, row, now) {
  const value = column.values[row]
  switch (column.kind) {
    case "flag":
      return value === null ? ABSENT : value ? "Yes" : "No"
    case "words":
    case "badges":
      return value.length ? value.join(", ") : ABSENT
    case "link":
      return value === null ? ABSENT : column.label
    case "picture":
      return ""
  }
  if (value === null) return column.texts?.[row] ?? ABSENT
  if (column.texts) return column.texts[row]
  switch (column.kind) {
    case "number":
      return column.digits === undefined ? NUMBERS.format(value) : `${digits(value, column.digits)}${column.after}`
    case "moment":
      return exact(value)
    case "distance":
      return distance(value, now)
    default:
      return value
  }
}

// The text that a person may need beside what is shown.
export function fullOf(column, row) {
  const value = column.values[row]
  if (column.kind === "distance" && value !== null) return `${exact(value)} UTC`
  if (column.kind === "size" && value !== null) return `${NUMBERS.format(value)} bytes`
  return null
}

// What TanStack sorts by; `undefined` stands last in both directions.
export function sortable(column, row) {
  const value = column.values[row]
  if (!isSorted(column) || value === null || (Array.isArray(value) && !value.length)) return undefined
  if (column.kind === "badges") return ranks(column).get(value[0]) ?? Infinity
  return Array.isArray(value) ? value.join(", ") : value
}

function ranks(column) {
  column.ranks ??= new Map(column.colours.map(([word], place) => [word, place]))
  return column.ranks
}

export function compare(one, other) {
  if (typeof one === "string") return LETTERS.compare(one, String(other))
  return one < other ? -1 : one > other ? 1 : 0
}

export function isRight(column) {
  return column.kind === "number" || column.kind === "size"
}

// Whether a click on the heading orders the rows by this column.
export function isSorted(column) {
  return column.kind !== "link" && column.kind !== "picture"
}

// Whether a column's texts are cut where they are longer than it is wide.
export function isLong(column) {
  return column.kind === "text" || column.kind === "words"
}

// A track of the grid for each column: texts share what is left, all others are as wide as what they hold. `min` is what
// the column keeps in a narrow window.
export function tracks(columns, rows, style) {
  const pen = document.createElement("canvas").getContext("2d")
  const font = `${style.fontSize} ${style.fontFamily}`
  const space = (value) => (value === "normal" ? "0px" : value) // a person may have set letters and words further apart
  pen.letterSpacing = space(style.letterSpacing)
  pen.wordSpacing = space(style.wordSpacing)
  const now = Date.now()
  const step = Math.max(1, Math.floor(rows / SAMPLE))
  const names = columns.find((column) => column.kind === "text")
  return columns.map((column) => {
    if (column.kind === "picture") return { min: `${PICTURE}px`, track: `${PICTURE}px` }
    pen.font = font
    let widest = 0
    for (let row = 0; row < rows; row += step) {
      const text = textOf(column, row, now)
      widest = Math.max(widest, pen.measureText(text.length > 80 ? text.slice(0, 80) : text).width)
    }
    pen.font = `600 ${font}`
    const head = pen.measureText(column.label).width + 16
    const badge = column.kind === "badges" ? 16 : 0
    const natural = Math.ceil(Math.min(WIDEST, Math.max(widest + badge, head)) + PAD)
    const wanted = column.width === undefined ? natural : Math.max(Math.min(natural, column.width), Math.ceil(head) + PAD)
    if (!isLong(column)) return { min: `${wanted}px`, track: `minmax(${wanted}px, ${wanted / 4}fr)` }
    const kept = Math.min(wanted, Math.max(TEXT_MIN, Math.ceil(head) + PAD))
    const min = column === names ? `max(${kept}px, min(${Math.min(wanted, NAME_MIN)}px, 45cqw))` : `${kept}px`
    return { min, track: `minmax(${min}, ${wanted}fr)` }
  })
}

export function part(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

// Fills a cell. With an address the text is a real link, so the browser's own ways to open one work anywhere on the row.
// A link without text, such as around a picture, has the name of its row.
export function fill(cell, column, row, href, named) {
  const text = textOf(column, row, Date.now())
  const own = column.kind === "link" ? column.values[row] : href
  const holder = own ? part("a", column.kind === "link" ? "go own" : "go") : cell
  if (own) {
    holder.href = own
    holder.tabIndex = -1
    holder.draggable = false
    holder.rel = "noopener"
  }
  if (column.kind === "picture") {
    if (column.values[row] !== null) holder.append(picture(column.values[row]))
  } else if (column.kind === "badges" && column.values[row].length) {
    const colours = new Map(column.colours)
    for (const word of column.values[row]) {
      const badge = part("span", "badge", word)
      badge.dataset.colour = colours.get(word) ?? "gray"
      holder.append(badge)
    }
  } else {
    const words = part("span", "text", text)
    words.dir = "auto"
    if (text === ABSENT || (column.kind === "flag" && text === "No")) words.classList.add("faint")
    holder.append(words)
  }
  if (holder === cell) return
  if (!holder.textContent.trim()) holder.setAttribute("aria-label", textOf(named, row, Date.now()))
  cell.append(holder)
}

// A picture beside the words that name it; one that cannot be fetched leaves its place empty.
function picture(address) {
  const image = part("img", "picture")
  image.alt = ""
  image.loading = "lazy"
  image.decoding = "async"
  image.draggable = false
  image.referrerPolicy = "no-referrer"
  image.onerror = () => image.remove()
  image.src = address
  return image
}
