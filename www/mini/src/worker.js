/**
 * Alipay's Worker: the module, and nothing else. Written in ES5 and shipped as it is, since nothing
 * transpiles what is in a Worker; calls come and answers go as hex, which every version carries.
 */
var loading;

function hexOf(bytes) {
  var digits = "";
  for (var i = 0; i < bytes.length; i += 1) digits += (bytes[i] + 256).toString(16).slice(1);
  return digits;
}

function unhex(digits) {
  var bytes = new Uint8Array(digits.length / 2);
  for (var i = 0; i < bytes.length; i += 1) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** As `caller` in module.ts; without a call, that it was started is all that is asked. */
function ask(instantiated, call) {
  var core = (instantiated.instance || instantiated).exports;
  if (!core) throw new Error(String(instantiated));
  if (!call) return "";
  var pointer = core.alloc(call.length);
  if (pointer === 0 && call.length > 0) throw new Error("a call is too long for the core");
  new Uint8Array(core.memory.buffer).set(call, pointer);
  var answer = core.call(pointer, call.length);
  core.free(pointer, call.length);
  var length = new DataView(core.memory.buffer).getUint32(answer, true);
  var bytes = new Uint8Array(core.memory.buffer.slice(answer + 4, answer + 4 + length));
  core.free(answer, length + 4);
  return hexOf(bytes);
}

worker.onMessage(function (message) {
  // The Worker may be the shop's own, too, which has messages of its own.
  if (message.lezai !== 1) return;
  function fail(error) {
    loading = undefined;
    worker.postMessage({ id: message.id, trouble: String(error) });
  }
  if (typeof MYWebAssembly === "undefined") {
    fail("this version of the app runs no WebAssembly");
    return;
  }
  if (!loading) loading = MYWebAssembly.instantiate(message.wasm, {});
  loading
    .then(function (instantiated) {
      worker.postMessage({ id: message.id, answer: ask(instantiated, message.call && unhex(message.call)) });
    })
    .then(undefined, fail);
});
