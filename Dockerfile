# The program, alone in an image: no shell, no package manager, and a user without rights.
#
#   docker build -t mirnode .
#   docker run --read-only -v mirdata:/data -p 127.0.0.1:8080:8080 mirnode
#
# docker-compose.yml runs three nodes and the names that lead to them.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /image/mir ./cmd/mir
# A new volume takes over the owner of the folder that it is mounted on, so the folders must be there.
RUN mkdir -p /folders/data /folders/identity /folders/names/node1.test /folders/names/node2.test /folders/names/node3.test

FROM scratch
# The authorities that vouch for other domains' web servers.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /folders/ /
COPY --from=build /image/mir /mir
USER 65532:65532
ENV MIR_DATA_DIR=/data MIR_LISTEN=:8080
EXPOSE 8080
VOLUME /data
ENTRYPOINT ["/mir"]
CMD ["node"]
