// Tells apart why a medium did not load, as far as a browser lets a page know.

const PROBE_MS = 6000
const DATA_ARRIVED = /DEMUXER|DECODER|DECODE|NO_SUPPORTED_STREAMS|NS_ERROR_DOM_MEDIA/i

// True when bytes came and could not be played; a refusal or an outage says nothing of the kind.
function isFormat(error) {
  return error.code === 3 || DATA_ARRIVED.test(error.message ?? "")
}

// Whether the host answers at all, whatever it says: true, false, or null when the page's own policy forbids to ask.
async function reachable(url) {
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
