// Draws one card: the facts about a clip, its poster or player, and its buttons.

import { Offer } from "./offer.js"
import { icon, iconButton, part, textButton, write } from "./parts.js"
import { BUSY, Playback } from "./playback.js"
import { WORDS, clock } from "./words.js"

export class CardView {
  constructor(gallery, id) {
    this.gallery = gallery
    this.id = id
    this.card = { title: "" }
    this.playback = new Playback(this)
    this.offer = new Offer(this)
    this.element = part("li", "card")
    this.stage = part("div", "stage")
    this.poster = iconButton("poster", "play", "", () => this.playback.press())
    this.picture = part("div", "picture")
    this.closer = iconButton("closer", "close", WORDS.close, () => this.closePlayer())
    this.cover = part("div", "cover")
    this.length = part("span", "length")
    this.name = part("span")
    this.title = textButton("title", "", () => this.gallery.open(this.id))
    this.meta = part("div", "meta")
    this.chip = part("span", "chip")
    this.copy = iconButton("act", "copy", WORDS.copy, () => this.offer.ask("copy"))
    this.download = iconButton("act", "download", WORDS.download, () => this.offer.ask("download"))
    this.life = part("span", "life")
    this.assemble()
  }

  assemble() {
    this.cover.setAttribute("role", "status")
    this.poster.prepend(this.picture)
    this.title.append(this.name)
    this.stage.append(this.poster, this.cover, this.length, this.life, this.closer)
    const row = part("div", "row")
    const acts = part("span", "acts")
    this.copy.append(part("span", "word", WORDS.copy))
    this.download.append(part("span", "word", WORDS.download))
    acts.append(this.copy, this.download)
    row.append(this.chip, acts)
    const text = part("div", "text")
    text.append(this.title, this.meta, row, this.offer.element)
    this.element.append(this.stage, text)
  }

  show(card) {
    this.card = card
    const acts = this.gallery.data.actions
    this.title.disabled = !acts.includes("open")
    this.name.textContent = card.title
    this.title.title = card.title
    const named = [card.title, card.style].filter(Boolean).join(", ") // one scene has a clip of each style
    this.title.setAttribute("aria-label", named)
    this.poster.setAttribute("aria-label", `${WORDS.play}: ${named}`)
    write(this.length, card.length)
    write(this.meta, [card.style, card.size].filter(Boolean).join(" · "))
    this.meta.title = card.exact
    write(this.chip, card.status)
    this.chip.dataset.colour = card.colour
    const none = card.presence === "absent" || card.presence === "withheld"
    this.copy.hidden = !acts.includes("copy") || none
    this.download.hidden = !acts.includes("download") || none
    this.copy.setAttribute("aria-label", `${WORDS.copy}: ${named}`)
    this.download.setAttribute("aria-label", `${WORDS.download}: ${named}`)
    this.showPoster(card)
    if (card.media && card.media.url !== this.mediaSeen) {
      this.mediaSeen = card.media.url
      this.playback.grant(card.media.url, card.media.expires ? card.media.expires - Date.now() : Infinity)
    }
    this.draw()
  }

  // The same object under a newly signed address is the same picture: one that was loaded stays.
  showPoster(card) {
    const image = this.picture.querySelector("img")
    if (!card.poster) {
      this.picture.replaceChildren(part("span", "", WORDS.noPoster))
      return
    }
    if (image?.dataset.from === bare(card.poster)) {
      if (!image.complete && image.src !== card.poster) image.src = card.poster // not yet in sight: the newer address
      return
    }
    if (this.brokenFrom === card.poster) return
    const made = document.createElement("img")
    made.loading = "lazy"
    made.decoding = "async"
    made.referrerPolicy = "no-referrer"
    made.alt = `Thumbnail: ${card.title}`
    made.dataset.from = bare(card.poster)
    made.onerror = () => {
      this.brokenFrom = card.poster
      this.picture.replaceChildren(part("span", "", WORDS.brokenPoster))
      if (card.posterExpires && card.posterExpires <= Date.now()) this.gallery.staleposter(this.id)
    }
    made.src = card.poster
    this.picture.replaceChildren(made)
  }

  draw() {
    const { state } = this.playback
    const absent = ["absent", "broken", "withheld"].includes(this.card.presence)
    const unsure = this.card.presence === "unknown" && state === "idle"
    this.element.dataset.state = absent ? "absent" : state
    this.poster.hidden = absent || Boolean(this.playback.video)
    this.closer.hidden = !this.playback.video
    this.length.hidden = !this.card.length || Boolean(this.playback.video)
    if (absent) this.drawCover("alert", this.card.reason, false)
    else if (state === "failed") this.drawCover("alert", this.playback.failure, true)
    else if (BUSY.has(state)) this.drawCover("", WORDS[state], false)
    else if (unsure && this.card.reason) this.drawCover("unknown", this.card.reason, false)
    else this.drawCover("", "", false)
    this.tick()
  }

  drawCover(sign, words, again) {
    const shown = `${sign}|${words}|${again}`
    if (this.cover.dataset.shown === shown) return
    this.cover.dataset.shown = shown
    this.cover.dataset.kind = sign || "busy"
    this.cover.hidden = !words
    const children = []
    if (sign) children.push(icon(sign))
    else if (words) children.push(part("span", "spinner"))
    if (words) children.push(part("span", "words", words))
    if (again) children.push(textButton("again", WORDS.again, () => this.playback.press()))
    this.cover.replaceChildren(...children)
  }

  mount(video) {
    if (this.card.poster) video.poster = this.picture.querySelector("img")?.src ?? ""
    this.stage.prepend(video)
    video.focus({ preventScroll: true })
  }

  closePlayer() {
    this.playback.close()
    this.poster.focus({ preventScroll: true })
  }

  ask(purpose) {
    this.gallery.ask(this.id, purpose)
  }

  forget(purpose) {
    this.gallery.forget(this.id, purpose)
  }

  answer({ purpose, url, left, problem, name }) {
    if (purpose === "copy" || purpose === "download") this.offer.answer({ purpose, url, left, problem, name })
    else if (problem) this.playback.refuse(problem)
    else this.playback.grant(url, left)
  }

  tick() {
    this.playback.tick()
    this.offer.tick()
    const left = this.playback.left()
    const known = this.playback.video && Number.isFinite(left)
    write(this.life, known ? (left > 0 ? `link ${clock(left)}` : WORDS.ended) : "")
  }

  dispose() {
    this.playback.release()
    this.element.remove()
  }
}

function bare(url) {
  return url.split("?", 1)[0]
}
