// Plays one clip: asks for a link when pressed, renews it when it expires, and continues where it was.

import { isFormat, reachable, served } from "./delivery.js"
import { failureWords } from "./words.js"

export const ANSWER_MS = 20000 // without an answer for so long, the desk counts as away
const AHEAD_MS = 10000 // while playing, a link is renewed this long before it expires
const MAX_FAILURES = 1 // new links in a row that also failed to play

export const BUSY = new Set(["asking", "loading", "renewing"])

export class Playback {
  constructor(view) {
    this.view = view
    this.video = null
    this.state = "idle"
    this.url = ""
    this.deadline = Infinity
    this.life = Infinity
    this.position = 0
    this.wanted = false
    this.failures = 0
    this.asking = 0
    this.askedAhead = false
    this.answered = null // whether the bucket's host is known to answer this browser
  }

  // --- what the person does ---

  press() {
    if (BUSY.has(this.state)) return
    this.view.gallery.pauseOthers(this)
    this.wanted = true
    this.failures = 0
    if (this.url && this.left() > Math.min(AHEAD_MS, this.life * 0.2)) this.load()
    else this.ask("play")
  }

  close() {
    this.release()
    this.position = 0
    this.set("idle")
  }

  pause() {
    this.wanted = false
    if (this.video && !this.video.paused) this.video.pause()
  }

  // --- links ---

  left() {
    return this.deadline - Date.now()
  }

  ask(purpose) {
    this.set(purpose === "renew" ? "renewing" : "asking")
    this.request(purpose)
  }

  request(purpose) {
    clearTimeout(this.asking)
    this.view.ask(purpose)
    this.asking = setTimeout(() => {
      this.view.forget(purpose)
      if (this.state === "asking" || this.state === "renewing") this.fail("desk")
    }, ANSWER_MS)
  }

  // A link, known from the start or asked for; `left` is the time until it expires, in milliseconds.
  grant(url, left) {
    const waited = this.state === "asking" || this.state === "renewing"
    const swap = this.askedAhead && this.state === "playing" && !this.buffered()
    clearTimeout(this.asking)
    this.url = url
    this.life = left
    this.deadline = Date.now() + left
    this.askedAhead = false
    if (waited || swap) this.load()
  }

  refuse(problem) {
    clearTimeout(this.asking)
    this.askedAhead = false
    if (this.state === "asking" || this.state === "renewing") this.fail(problem.kind, problem.words)
  }

  // --- the medium ---

  load() {
    const video = this.video ?? this.build()
    this.set("loading")
    const start = this.position
    video.onloadedmetadata = () => {
      if (start > 0 && start < video.duration) video.currentTime = start
    }
    video.src = this.url
    video.play().catch((reason) => {
      // Not allowed to start by itself: the controls are there, and one press starts it.
      if (reason?.name === "NotAllowedError" && this.state === "loading") this.set("paused")
    })
  }

  build() {
    const video = document.createElement("video")
    video.controls = true
    video.playsInline = true
    video.preload = "none"
    video.setAttribute("controlslist", "nodownload noremoteplayback")
    video.setAttribute("aria-label", this.view.card.title)
    video.onplaying = () => this.set("playing")
    video.onpause = () => this.onPause()
    video.onplay = () => this.onPlay()
    video.onended = () => this.onEnded()
    video.ontimeupdate = () => this.onTime()
    video.onwaiting = () => this.onWaiting()
    video.onerror = () => void this.onError()
    this.video = video
    this.view.mount(video)
    return video
  }

  release() {
    clearTimeout(this.asking)
    this.wanted = false
    this.askedAhead = false
    if (!this.video) return
    const video = this.video
    this.video = null
    for (const name of ["onplaying", "onpause", "onplay", "onended", "ontimeupdate", "onwaiting", "onerror"]) {
      video[name] = null
    }
    video.pause()
    video.removeAttribute("src")
    video.load()
    video.remove()
  }

  // Called when the page put the element elsewhere: a browser pauses what was taken out of it.
  resume() {
    if (this.wanted && this.video?.paused) this.video.play().catch(() => this.set("paused"))
  }

  buffered() {
    const { buffered, duration } = this.video
    return buffered.length > 0 && buffered.end(buffered.length - 1) >= duration - 0.25
  }

  onPlay() {
    this.wanted = true
    this.view.gallery.pauseOthers(this)
    if (this.state !== "loading" && this.left() <= 0 && !this.buffered()) this.renew()
  }

  onPause() {
    if (!this.video.isConnected || this.state !== "playing") return
    this.wanted = false
    this.set("paused")
  }

  onEnded() {
    this.wanted = false
    this.position = 0
    this.set("ended")
  }

  onTime() {
    if (this.state !== "playing") return
    if (this.video.currentTime > this.position + 0.5) this.failures = 0
    this.position = this.video.currentTime
  }

  onWaiting() {
    if (this.state === "playing" && this.left() <= 0) this.renew()
  }

  async onError() {
    const { video, url } = this
    if (!video?.error || this.state === "idle" || this.state === "renewing") return
    const cause = await this.cause(video.error, url)
    if (this.video !== video || this.url !== url) return
    if (cause) this.fail(cause)
    else this.renew()
  }

  // Why it failed, where a new link cannot help; otherwise an empty text.
  async cause(error, url) {
    if (isFormat(error)) return "format"
    if (this.left() <= 0 || error.code === MediaError.MEDIA_ERR_NETWORK) return ""
    if (await served(url)) return "format"
    this.answered = await reachable(url)
    return this.answered === false ? "unreachable" : ""
  }

  renew() {
    this.failures += 1
    this.wanted = true
    if (this.failures > MAX_FAILURES) this.fail(this.answered ? "refused" : "unclear")
    else this.ask("renew")
  }

  fail(kind, words) {
    const position = this.position
    const { url } = this
    const focused = Boolean(this.video?.matches(":focus"))
    this.release()
    this.position = position
    this.url = ""
    this.deadline = Infinity
    this.failure = words || failureWords(kind, url)
    this.set("failed")
    if (focused) this.view.cover.querySelector("button")?.focus()
  }

  set(state) {
    this.state = state
    this.view.draw()
  }

  // Once a second while the page is open.
  tick() {
    const soon = Math.min(AHEAD_MS, this.life * 0.2)
    if (this.state === "playing" && !this.askedAhead && this.left() < soon && !this.buffered()) {
      this.askedAhead = true
      this.request("renew")
    }
  }
}
