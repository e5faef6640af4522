// Offers a link to copy or a file to download, once the desk has signed it, until it expires.

import { toClipboard } from "../copying/clipboard.js"
import { part, textButton, write } from "./parts.js"
import { ANSWER_MS } from "./playback.js"
import { WORDS, clock, failureWords } from "./words.js"

export class Offer {
  constructor(view) {
    this.view = view
    this.element = part("div", "offer")
    this.words = part("span", "words")
    this.words.setAttribute("role", "status")
    this.hand = part("span", "hand")
    this.element.append(this.words, this.hand)
    this.element.hidden = true
    this.deadline = 0
    this.said = ""
    this.timer = 0
  }

  ask(purpose) {
    this.deadline = 0
    this.say(purpose === "copy" ? WORDS.copying : WORDS.downloading)
    this.view.ask(purpose)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.view.forget(purpose)
      this.say(failureWords("desk", ""))
    }, ANSWER_MS)
  }

  async answer({ purpose, url, left, problem, name }) {
    clearTimeout(this.timer)
    this.deadline = 0
    if (problem) {
      this.say(problem.words)
      return
    }
    this.deadline = Date.now() + left
    if (purpose === "download") this.startDownload(url, name)
    else await this.putOnClipboard(url)
  }

  async putOnClipboard(url) {
    if (await toClipboard(url)) this.say(WORDS.copied)
    else this.say(WORDS.copyBlocked, textButton("again", WORDS.copyNow, () => void this.putOnClipboard(url)))
  }

  // The link stays visible, because a browser may have held the download back.
  startDownload(url, name) {
    const link = part("a", "again", WORDS.saveFile)
    link.href = url
    link.download = name || ""
    link.target = "_blank"
    link.rel = "noopener noreferrer"
    this.say(WORDS.downloadStarted, link)
    link.click()
  }

  say(words, hand) {
    this.said = words
    this.hand.replaceChildren(...(hand ? [hand] : []))
    this.element.hidden = !words
    this.tick()
  }

  tick() {
    if (!this.deadline) {
      write(this.words, this.said)
      return
    }
    const left = this.deadline - Date.now()
    if (left <= 0) {
      this.deadline = 0
      this.say("")
      return
    }
    write(this.words, `${this.said} Valid ${clock(left)}.`)
  }
}
