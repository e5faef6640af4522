// The gallery: keeps a view for each clip by its id, whatever the page does around it, and talks with the desk.

import { CardView } from "./card.js"
import { part } from "./parts.js"

const PARKED_MS = 5000 // a gallery that the page removes and puts back within this time continues as it was

class Gallery {
  constructor() {
    this.element = part("ul", "cards")
    this.element.setAttribute("role", "list")
    this.views = new Map()
    this.pending = new Map()
    this.stale = new Set()
    this.data = { actions: [] }
    this.send = () => {}
    this.clock = setInterval(() => this.views.forEach((view) => view.tick()), 1000)
  }

  show(data) {
    this.data = data
    this.element.dataset.layout = data.layout
    this.element.setAttribute("aria-label", data.label)
    this.element.style.setProperty("--card", `${data.width}px`)
    const kept = new Set()
    data.cards.forEach((card, index) => {
      kept.add(card.id)
      if (!this.views.has(card.id)) this.views.set(card.id, new CardView(this, card.id))
      const view = this.views.get(card.id)
      if (this.element.children[index] !== view.element) {
        this.element.insertBefore(view.element, this.element.children[index] ?? null)
        view.playback.resume()
      }
      view.show(card)
    })
    for (const [id, view] of this.views) {
      if (kept.has(id)) continue
      view.dispose()
      this.views.delete(id)
    }
    this.answers(data.answers)
  }

  // --- asking the desk ---

  ask(id, purpose) {
    const number = Date.now() * 1000 + Math.floor(Math.random() * 1000)
    this.pending.set(channel(id, purpose), { id, purpose, number })
    // Send all open requests, because of two triggers before the next run only the last arrives.
    this.send("ask", [...this.pending.values()])
  }

  forget(id, purpose) {
    this.pending.delete(channel(id, purpose))
  }

  answers(list) {
    for (const given of list) {
      const name = channel(given.id, given.purpose)
      if (this.pending.get(name)?.number !== given.number) continue
      this.pending.delete(name)
      this.views.get(given.id)?.answer(given)
    }
  }

  open(id) {
    this.send("open", id)
  }

  staleposter(id) {
    this.stale.add(id)
    clearTimeout(this.staleTimer)
    this.staleTimer = setTimeout(() => {
      this.send("posters", [...this.stale])
      this.stale.clear()
    }, 400)
  }

  pauseOthers(playback) {
    for (const view of this.views.values()) if (view.playback !== playback) view.playback.pause()
  }

  dispose() {
    clearInterval(this.clock)
    clearTimeout(this.staleTimer)
    this.views.forEach((view) => view.dispose())
  }
}

function channel(id, purpose) {
  return `${purpose === "copy" || purpose === "download" ? "link" : "play"} ${id}`
}

const shown = new WeakMap()
const parked = new Map()

function park(key, gallery) {
  const timer = setTimeout(() => {
    parked.delete(key)
    gallery.dispose()
  }, PARKED_MS)
  parked.set(key, { gallery, timer })
}

function unpark(key) {
  const found = parked.get(key)
  if (!found) return null
  clearTimeout(found.timer)
  parked.delete(key)
  return found.gallery
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery-root")
  if (!root || !data) return undefined
  if (!shown.has(root)) {
    const gallery = unpark(data.key) ?? new Gallery()
    shown.set(root, gallery)
    root.append(gallery.element)
    gallery.views.forEach((view) => view.playback.resume())
  }
  const gallery = shown.get(root)
  gallery.send = setTriggerValue
  gallery.show(data)
  parentElement.host.dataset.drawn = "" // it has its height: page.css shows what stands below it
  return () => park(data.key, gallery)
}
