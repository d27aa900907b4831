/** nginx as a reverse proxy with one worker, which is what is measured: its master does nothing between reloads. */
import { NO_NGINX, startNginx } from '../test/fixtures/nginx.ts';
import type { Leg } from './legs.ts';
import { before } from './plain-legs.ts';
import { toMeasuredCore } from './sample.ts';

/** Keeps its connections to the upstream, and tells it of the client what the gateway tells. */
const http = (upstream: number, port: number): string => `
upstream records {
  server 127.0.0.1:${upstream};
  keepalive 64;
  keepalive_requests 1000000000;
}
server {
  listen 127.0.0.1:${port};
  keepalive_requests 1000000000;
  keepalive_timeout 120s;
  location / {
    proxy_pass http://records;
    proxy_http_version 1.1;
    proxy_max_temp_file_size 0;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
  }
}`;

export const nginx: Leg = before('nginx', async (upstream) => {
  if (NO_NGINX) throw new Error(NO_NGINX);
  const { url, log, stop } = await startNginx(({ port }) => http(upstream.port, port));
  const pid = Number(/start worker process (\d+)/.exec(log())?.[1]);
  toMeasuredCore(pid);
  return { url, pid, stop };
});
