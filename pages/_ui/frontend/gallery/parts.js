// Builds elements. Text only ever goes in as text: nothing here parses markup.

const PATHS = {
  play: "M8 5v14l11-7z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
  copy: "M8 7V3h11v13h-4v4H4V7h4zm2 0h5v7h2V5h-7v2zM6 9v9h7V9H6z",
  download: "M11 4h2v8.2l2.6-2.6L17 11l-5 5-5-5 1.4-1.4 2.6 2.6V4zM5 18h14v2H5z",
  alert: "M12 3 1.8 20.5h20.4L12 3zm-1 7h2v5h-2v-5zm0 6.5h2v2h-2v-2z",
  unknown: "M11 17h2v2h-2v-2zm1-13a5 5 0 0 0-5 5h2a3 3 0 1 1 3.9 2.9c-1.2.4-1.9 1.3-1.9 2.6V15h2v-.3c0-.5.2-.8.7-1A5 5 0 0 0 12 4z",
}

export function part(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("aria-hidden", "true")
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path")
  shape.setAttribute("d", PATHS[name])
  svg.appendChild(shape)
  return svg
}

export function iconButton(className, name, label, onclick) {
  const made = part("button", className)
  made.type = "button"
  made.title = label
  made.setAttribute("aria-label", label)
  made.append(icon(name))
  made.onclick = onclick
  return made
}

export function textButton(className, label, onclick) {
  const made = part("button", className, label)
  made.type = "button"
  made.onclick = onclick
  return made
}

export function write(element, text) {
  const shown = text ?? ""
  if (element.textContent !== shown) element.textContent = shown
  element.hidden = !shown
}
