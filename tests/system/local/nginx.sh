#!/bin/sh
# nginx.sh DIRECTORY TLS_PORT SERVER_PORT: writes DIRECTORY/nginx.conf, a proxy in front of the inference server as
# docs/inference-servers.md describes one: it says which department a request is of, whatever the client claims.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
mkdir -p "$1/nginx"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ia.example -keyout "$1/nginx/key.pem" \
    -out "$1/nginx/certificate.pem" 2>/dev/null
cat >"$1/nginx.conf" <<EOF
daemon off;
master_process off;
pid $1/nginx/pid;
error_log $1/nginx/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $1/nginx/body;
    proxy_temp_path $1/nginx/proxy;
    fastcgi_temp_path $1/nginx/fastcgi;
    uwsgi_temp_path $1/nginx/uwsgi;
    scgi_temp_path $1/nginx/scgi;
    geo \$direction {
        default      "";
        127.1.0.0/16 DSN;
        127.2.0.0/16 DRH;
        127.3.0.0/16 SDTIG;
    }
    upstream inference { server 127.0.0.1:$3; keepalive 8; }
    server {
        listen 127.0.0.1:$2 ssl;
        ssl_certificate $1/nginx/certificate.pem;
        ssl_certificate_key $1/nginx/key.pem;
        location / {
            proxy_pass http://inference;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Direction \$direction;
            proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_buffering off;
        }
    }
}
EOF
