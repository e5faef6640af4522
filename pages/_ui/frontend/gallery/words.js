// Every sentence that the player says, and how it writes times.

export const WORDS = {
  play: "Play",
  close: "Close the player",
  asking: "Asking for a link…",
  loading: "Loading…",
  renewing: "The link expired. Fetching a new one…",
  again: "Try again",
  details: "Open details",
  copy: "Copy a link",
  copying: "Asking for a link to copy…",
  copied: "Link copied.",
  copyBlocked: "The link is ready; the browser wants one more click.",
  copyNow: "Copy now",
  download: "Download",
  downloading: "Asking for a download link…",
  downloadStarted: "Download started.",
  saveFile: "Save the file",
  noPoster: "No thumbnail",
  brokenPoster: "Thumbnail not loaded",
  ended: "The link has expired.",
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/

export function failureWords(kind, url) {
  const host = hostOf(url)
  if (kind === "format") return "This browser cannot play the file: the format is unknown, or the data are damaged."
  if (kind === "refused") return "The bucket answered, but did not deliver the file, not even for a new link: refused, or missing."
  if (kind === "unclear") return "The file did not load, not even with a new link: refused, missing, or out of reach."
  if (kind === "desk") return "The desk did not answer. It may be busy or restarting."
  if (kind === "unreachable" && LOOPBACK.test(host)) {
    return (
      `Your browser cannot reach the demo's bucket at ${host}. ` +
      "Open the desk on the machine that it runs on, or forward that port to yours."
    )
  }
  if (kind === "unreachable") return `Your browser cannot reach ${host}: a network, VPN or blocker is in the way.`
  return "The clip cannot be played."
}

function hostOf(url) {
  try {
    return new URL(url).host
  } catch {
    return "the bucket"
  }
}

export function clock(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  const two = (number) => String(number).padStart(2, "0")
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}
