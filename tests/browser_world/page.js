// The other side of a call: one RTCPeerConnection, a camera with the time burned in, a tone, ears and eyes.
// Whoever drives the page calls these functions and carries the descriptions and candidates.
'use strict';
const CODE = 32, ACROSS = 40;         // timecode: 32 cells in a row, each 1/40 of the width (src/codec/timecode.rs)
const wall = () => performance.timeOrigin + performance.now();   // ms, the machine's clock

// --- what happens here, for the driver to fetch
const told = [];
let listener = null;
function tell(kind, more) { told.push({kind, ...more}); if (listener) listener(); }
window.onerror = text => tell('error', {text: String(text)});
window.onunhandledrejection = e => tell('error', {text: String(e.reason)});
async function happened() {           // everything since the last call; waits a moment for the first
  if (!told.length) await new Promise(done => { listener = done; setTimeout(done, 2000); });
  listener = null;
  return told.splice(0);
}
async function until(condition, ms) { // what the condition gives once it holds
  for (const end = wall() + ms; wall() < end; await new Promise(done => setTimeout(done, 20))) {
    const value = await condition();
    if (value) return value;
  }
  return null;
}

// --- local media
let sound = null;
const ear = () => sound ??= new AudioContext();
function tone(hertz) {                // a sine at -20 dBFS
  const from = new OscillatorNode(ear(), {frequency: hertz}), gain = new GainNode(ear(), {gain: 0.1 * Math.SQRT2});
  const to = new MediaStreamAudioDestinationNode(ear(), {channelCount: 1});
  from.connect(gain).connect(to); from.start();
  return to.stream.getAudioTracks()[0];
}
function camera(kind, width, height) { // 'scene' moves and carries the time; 'plain' is bright and does not
  const canvas = document.createElement('canvas'), cell = width / ACROSS;
  canvas.width = width; canvas.height = height;
  document.body.append(canvas);        // a canvas outside the page gives no pictures everywhere
  const pen = canvas.getContext('2d', {alpha: false});
  let n = 0;
  const grey = v => { pen.fillStyle = `rgb(${v},${v},${v})`; };
  setInterval(() => {
    n++;
    grey(110); pen.fillRect(0, 0, width, height);
    pen.fillStyle = `hsl(${n * 3 % 360} 60% 60%)`;
    pen.fillRect((n * 5) % width, height / 2, width / 5, height / 3);
    if (kind === 'scene') {
      const v = Math.floor(wall()) & 0xffffff, sum = ((v ^ (v >> 8) ^ (v >> 16)) & 0xff) ^ 0x5a;
      for (let i = 0; i < CODE; i++) {
        grey((i < 24 ? (v >> (23 - i)) & 1 : (sum >> (31 - i)) & 1) ? 232 : 28);
        pen.fillRect(Math.round(i * cell), 0, Math.round((i + 1) * cell) - Math.round(i * cell), Math.ceil(cell));
      }
    }
  }, 33);
  return canvas.captureStream(30).getVideoTracks()[0];
}

// --- the connection
let pc = null;
const own = {}, channels = {}, eyes = {}, ears = {};   // local tracks by name; by label; received tracks by mid
let early = [];
const candidatesTold = [];
async function permission() { await navigator.mediaDevices.getUserMedia({audio: true}); }
function open(config) {
  pc = new RTCPeerConnection(config);
  pc.onicecandidate = e => { if (e.candidate) { candidatesTold.push(e.candidate.candidate); tell('candidate', {candidate: e.candidate.toJSON()}); } else tell('candidates complete'); };
  pc.onconnectionstatechange = () => tell('connection', {state: pc.connectionState});
  pc.oniceconnectionstatechange = () => tell('ice', {state: pc.iceConnectionState});
  pc.onicegatheringstatechange = () => tell('gathering', {state: pc.iceGatheringState});
  pc.onsignalingstatechange = () => tell('signaling', {state: pc.signalingState});
  pc.onnegotiationneeded = () => tell('negotiation needed');
  pc.ondatachannel = e => serve(e.channel, true);
  pc.ontrack = e => {
    const mid = e.transceiver.mid;
    if (e.track.kind === 'video') eyes[mid] = watch(e.track); else ears[mid] = hear(e.track);
    tell('track', {mid, of: e.track.kind});
  };
}
function add(name, track) { own[name] = {track, sender: pc.addTrack(track, new MediaStream([track]))}; }
async function swap(name, track) { own[name].track = track; await own[name].sender.replaceTrack(track); }
function remove(name) { pc.removeTrack(own[name].sender); own[name].track.stop(); }
function serve(channel, theirs) {
  const label = channel.label;
  channels[label] = channel;
  channel.binaryType = 'arraybuffer';
  if (theirs) tell('channel', {label, ordered: channel.ordered, maxRetransmits: channel.maxRetransmits, maxPacketLifeTime: channel.maxPacketLifeTime, protocol: channel.protocol});
  const opened = () => tell('open', {label});
  if (channel.readyState === 'open') opened(); else channel.onopen = opened;
  channel.onclose = () => tell('closed', {label});
  channel.onmessage = e => tell('message', typeof e.data === 'string' ? {label, text: e.data} : {label, bytes: [...new Uint8Array(e.data)]});
}
async function gathered() { await until(() => pc.iceGatheringState === 'complete', 10000); }
async function offer(options) {       // {complete}: waits until every candidate is inside
  await pc.setLocalDescription(await pc.createOffer());
  if (options?.complete) await gathered();
  return pc.localDescription.toJSON();
}
async function take(description) {
  await pc.setRemoteDescription(description);
  for (const candidate of early.splice(0)) await pc.addIceCandidate(candidate);
}
async function answer(description, options) {
  await take(description);
  await pc.setLocalDescription(await pc.createAnswer());
  if (options?.complete) await gathered();
  return pc.localDescription.toJSON();
}
// Perfect negotiation (W3C WebRTC 10.7): what to send back, if anything.
async function said(description, polite) {
  if (description.type === 'offer' && pc.signalingState !== 'stable' && !polite) return null;
  if (description.type === 'answer') { await take(description); return null; }
  const takenBack = pc.signalingState === 'have-local-offer';
  const answered = await answer(description);
  if (takenBack) await sendAgain();
  return answered;
}
// Once it has taken an offer back in a call, Chromium (seen in 148, and between two Chromiums alike) sends neither sound
// nor pictures, whatever is negotiated later, until its senders are given their tracks anew.
async function sendAgain() {
  for (const sender of pc.getSenders()) {
    const track = sender.track;
    await sender.replaceTrack(null);
    await sender.replaceTrack(track);
  }
}
async function candidate(candidate) { if (pc.remoteDescription) await pc.addIceCandidate(candidate); else early.push(candidate); }
// Only the H.264 of this profile (and what belongs to it), or of this codec.
function prefer(mime, fmtp) {
  const fits = c => c.mimeType.toLowerCase() === mime && (c.sdpFmtpLine ?? '').includes(fmtp);
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs.filter(fits);
  for (const t of pc.getTransceivers()) if (t.receiver.track.kind === 'video' && codecs.length) t.setCodecPreferences(codecs);
  return codecs.length;
}
// What this browser offers, as [payload type, name, fmtp] by media section.
async function stats(type, kind) {
  const all = [];
  for (const r of (await pc.getStats()).values()) if (r.type === type && (!kind || r.kind === kind)) all.push({...r});
  return all;
}

// --- what comes in
const pick = document.createElement('canvas'); pick.width = CODE; pick.height = 3;
const sampler = pick.getContext('2d', {willReadFrequently: true});
sampler.imageSmoothingEnabled = false;
function watch(track) {
  const seen = {width: 0, height: 0, codes: 0, disorder: 0, code: null, age: null, luma: null, looks: 0};
  const video = document.createElement('video');
  video.muted = true; video.autoplay = true; video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  document.body.append(video);
  video.play().catch(() => {});
  track.onended = () => { seen.ended = true; };
  track.onmute = () => { seen.muted = true; };
  track.onunmute = () => { seen.muted = false; };
  setInterval(() => {
    const width = video.videoWidth, height = video.videoHeight, cell = width / ACROSS;
    if (!width || video.readyState < 2) return;
    seen.width = width; seen.height = height; seen.looks++;
    // The middle of each cell, then the middle of the picture.
    sampler.drawImage(video, 0, 0, CODE * cell, cell, 0, 0, CODE, 3);
    const d = sampler.getImageData(0, 1, CODE, 1).data;
    let v = 0, sum = 0;
    for (let i = 0; i < CODE; i++) { const bit = d[i * 4 + 1] > 127 ? 1 : 0; if (i < 24) v = v << 1 | bit; else sum = sum << 1 | bit; }
    sampler.drawImage(video, 0, height / 4, width, height / 2, 0, 0, CODE, 3);
    const middle = sampler.getImageData(0, 0, CODE, 3).data;
    let total = 0;
    for (let i = 0; i < middle.length; i += 4) total += middle[i + 1];
    seen.luma = total / (middle.length / 4);
    seen.yellow = middle[24] > 120 && middle[25] > 120 && middle[26] < 90;   // in the second of eight bars
    seen.timed = (((v ^ (v >> 8) ^ (v >> 16)) & 0xff) ^ 0x5a) === sum;
    if (!seen.timed || v === seen.code) return;
    if (seen.code !== null && ((v - seen.code) & 0xffffff) > 0x7fffff) seen.disorder++;
    seen.code = v; seen.codes++;
    seen.age = ((Math.floor(wall()) & 0xffffff) - v + 0x1000000) & 0xffffff;
  }, 25);
  return seen;
}
function hear(track) {
  const stream = new MediaStream([track]), pull = new Audio();
  pull.muted = true; pull.srcObject = stream; pull.play().catch(() => {});   // nothing flows without an element
  const analyser = new AnalyserNode(ear(), {fftSize: 8192, smoothingTimeConstant: 0});
  new MediaStreamAudioSourceNode(ear(), {mediaStream: stream}).connect(analyser);
  const wave = new Float32Array(analyser.fftSize), bins = new Float32Array(analyser.frequencyBinCount);
  return {pull, look() {
    analyser.getFloatTimeDomainData(wave); analyser.getFloatFrequencyData(bins);
    const power = wave.reduce((sum, x) => sum + x * x, 0) / wave.length;
    const peak = bins.indexOf(Math.max(...bins));
    return {dbfs: 10 * Math.log10(power + 1e-12), hertz: peak * ear().sampleRate / analyser.fftSize};
  }};
}
// First received track of a kind, for calls that have one.
const eye = n => Object.values(eyes)[n ?? 0];
const heard = n => Object.values(ears)[n ?? 0]?.look();
