// Tells Streamlit where its server is: it would ask below each part of the address in turn, and wait after each refusal.
;(() => {
  const { content } = document.querySelector('meta[name="clipdesk-base"]')
  window.__streamlit = { BACKEND_BASE_URL: new URL(content, location.origin).href }
})()

// Remembers a key of the palette that somebody presses before the palette's own script has come, and what is typed after it
// or pasted.
;(() => {
  const LOADING_MS = 60_000
  const MOST = 8000
  const FIELDS = "input, textarea, select, [contenteditable]"
  let early = null

  const pressed = (event) => {
    const at = event.composedPath()[0]
    if (event.defaultPrevented || event.isComposing || performance.now() > LOADING_MS) return
    if (at instanceof Element && at.closest(FIELDS)) return
    const control = event.ctrlKey || event.metaKey
    if (control || event.altKey) {
      if (!control || event.altKey || event.key.toLowerCase() !== "k") return
      early ??= { key: "k", text: "", enter: false }
    } else if (!early) {
      if (event.key !== "/" && event.key !== "?") return
      early = { key: event.key, text: "", enter: false }
    } else if (event.key === "Escape") early = null
    else if (event.key === "Enter") early.enter = true
    else if (event.key === "Backspace") early.text = early.text.slice(0, -1)
    else if (event.key.length === 1) early.text += event.key
    else return
    event.preventDefault()
  }

  const pasted = (event) => {
    const at = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement
    const text = event.clipboardData?.getData("text/plain").slice(0, MOST)
    if (event.defaultPrevented || performance.now() > LOADING_MS || at?.closest(FIELDS) || !text?.trim()) return
    if (early) early.text = `${early.text}${text}`.slice(0, MOST)
    else early = { key: "v", text: "", enter: false, pasted: text }
    event.preventDefault()
  }

  document.addEventListener("keydown", pressed, true)
  document.addEventListener("paste", pasted, true)
  window.clipdeskEarly = () => {
    document.removeEventListener("keydown", pressed, true)
    document.removeEventListener("paste", pasted, true)
    const taken = early
    early = null
    return taken
  }
})()
