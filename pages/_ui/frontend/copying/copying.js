// The copy button: one button, one announcement.

import { toClipboard } from "./clipboard.js"

const COPIED_MS = 1800
const COPY_PATH = "M8 7V3h11v13h-4v4H4V7h4zm2 0h5v7h2V5h-7v2zM6 9v9h7V9H6z"
const DONE_PATH = "M9.5 17.2 4.6 12.3l1.4-1.4 3.5 3.5 8.5-8.5 1.4 1.4z"
const FAILED = "Copying is blocked: select the text and press Ctrl+C"

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("aria-hidden", "true")
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path")
  shape.setAttribute("d", path)
  svg.appendChild(shape)
  return svg
}

function build(root) {
  const button = document.createElement("button")
  button.type = "button"
  const word = document.createElement("span")
  word.className = "word"
  const said = document.createElement("span")
  said.className = "said"
  said.setAttribute("role", "status")
  button.append(icon(COPY_PATH), word)
  root.append(button, said)
  return { button, word, said, timer: 0 }
}

const buttons = new WeakMap()

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".copy-root")
  if (!root) return undefined
  if (!buttons.has(root)) buttons.set(root, build(root))
  const parts = buttons.get(root)
  const { button, word, said } = parts
  const rest = () => {
    word.textContent = data.label
    word.hidden = !data.label
    said.textContent = ""
    button.classList.remove("done", "blocked")
    button.firstChild.replaceWith(icon(COPY_PATH))
  }
  const name = data.what ? `Copy ${data.what}` : "Copy"
  button.title = name
  // Who speaks to the computer says what is written on the button, so its name begins with that.
  button.setAttribute("aria-label", name.startsWith(data.label) ? name : data.label)
  button.onclick = async () => {
    const done = await toClipboard(data.value)
    clearTimeout(parts.timer)
    button.firstChild.replaceWith(icon(done ? DONE_PATH : COPY_PATH))
    button.classList.toggle("done", done)
    button.classList.toggle("blocked", !done)
    said.textContent = done ? `${data.what || "Text"} copied` : FAILED
    word.textContent = done ? "Copied" : "Blocked"
    parts.timer = setTimeout(rest, COPIED_MS)
  }
  if (!button.classList.contains("done") && !button.classList.contains("blocked")) rest()
  return () => clearTimeout(parts.timer)
}
