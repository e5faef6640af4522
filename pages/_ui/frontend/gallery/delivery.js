// Tells apart why a medium from another host did not load; browsers hide the status and most of the message.

const PROBE_MS = 6000
// What Chromium (DEMUXER_ERROR_..., DECODER_ERROR_...) and Firefox say about bytes that came and could not be played.
const UNPLAYABLE = /DEMUXER_ERROR|DECODER_ERROR|PIPELINE_ERROR_DECODE|NS_ERROR_DOM_MEDIA/

// True when the data is at fault; a refusal or a broken line reads otherwise, or not at all.
export function isFormat(error) {
  if (error.code === MediaError.MEDIA_ERR_NETWORK) return false
  return error.code === MediaError.MEDIA_ERR_DECODE || UNPLAYABLE.test(error.message ?? "")
}

// Whether the address gives a file, true or false, or null when the browser does not say. A prefetch reports a refusal
// (4xx, 5xx) as an error even where a page may not read the answer.
export function served(url) {
  return new Promise((resolve) => {
    const link = document.createElement("link")
    const end = (result) => {
      clearTimeout(timer)
      link.remove()
      resolve(result)
    }
    const timer = setTimeout(() => end(null), PROBE_MS)
    if (!link.relList?.supports?.("prefetch")) {
      end(null)
      return
    }
    link.rel = "prefetch"
    link.referrerPolicy = "no-referrer"
    link.onload = () => end(true)
    link.onerror = () => end(false)
    link.href = url
    document.head.append(link)
  })
}

// Whether the host answers at all, whatever it says: true, false, or null when the page's own policy forbids to ask.
export async function reachable(url) {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), PROBE_MS)
  let forbidden = false
  const noticed = () => {
    forbidden = true
  }
  document.addEventListener("securitypolicyviolation", noticed)
  try {
    await fetch(url, {
      mode: "no-cors",
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: stop.signal,
    })
    return true
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 0))
    return forbidden ? null : false
  } finally {
    clearTimeout(timer)
    stop.abort() // the answer is enough; its body is not wanted
    document.removeEventListener("securitypolicyviolation", noticed)
  }
}
