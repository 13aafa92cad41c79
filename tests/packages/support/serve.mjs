/** A shop's web server: files of a folder under the strictest policy that the element needs, or a command's. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves files; `gateway` is the one origin that pages may talk with besides. */
export async function serveFiles(folder, gateway) {
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src data:; connect-src 'self' ${gateway}`;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://shop.example");
    const path = join(folder, normalize(pathname === "/" ? "/index.html" : pathname));
    const content = await readFile(path).catch(() => undefined);
    response.writeHead(content ? 200 : 404, {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      "content-security-policy": policy,
    });
    response.end(content);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** Runs a project's own server, which prints where it is. */
export async function serveBy(folder, ...command) {
  const [name, ...args] = command;
  const server = spawn(join(folder, "node_modules/.bin", name), args, {
    cwd: folder,
    detached: true,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
  });
  let log = "";
  const origin = await new Promise((resolve, reject) => {
    const look = (chunk) => {
      log += chunk;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours around the port are taken out
      const found = log.replaceAll(/\u001b\[[0-9;]*m/g, "").match(/http:\/\/(?:localhost|127\.0\.0\.1):\d+/);
      if (found) resolve(found[0]);
    };
    server.stdout.on("data", look);
    server.stderr.on("data", look);
    server.once("exit", () => reject(new Error(`${command.join(" ")} ended:\n${log}`)));
  });
  // It and what it starts are one group of processes.
  const stop = () => process.kill(-server.pid, "SIGTERM");
  return { origin, stop };
}
