// The floor under every notifier: one port look-up and one SM_NOTIFY for each name to each client, from one socket, as
// fast as the replies come back. It knows no retries, keeps nothing, resolves nothing, and gives up when a packet gets
// lost.
//
// Usage: bare-notify FROM FIRST COUNT WINDOW STATE NAME…   (IPv4 addresses; WINDOW packets are under way at most)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { batch = 64, room = 1536 };

static struct mmsghdr messages[batch];
static struct iovec contents[batch];
static struct sockaddr_in addresses[batch];
static uint8_t bytes[batch][room];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t word(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static uint8_t *put(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
  return at + 4;
}

// A call with AUTH_NONE (RFC 5531, section 9).
static uint8_t *put_call(uint8_t *at, uint32_t id, uint32_t program, uint32_t version, uint32_t procedure) {
  const uint32_t head[] = {id, 0, 2, program, version, procedure, 0, 0, 0, 0};
  for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) at = put(at, head[i]);
  return at;
}

int main(int count, char **arguments) {
  if (count < 7) {
    fprintf(stderr, "usage: bare-notify FROM FIRST COUNT WINDOW STATE NAME...\n");
    return 2;
  }
  struct sockaddr_in from = {.sin_family = AF_INET}, first = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, arguments[1], &from.sin_addr) != 1 ||
      inet_pton(AF_INET, arguments[2], &first.sin_addr) != 1)
    fail("address");
  const uint32_t clients = (uint32_t)atoi(arguments[3]), window = (uint32_t)atoi(arguments[4]);
  const uint32_t state = (uint32_t)atoi(arguments[5]);
  char **names = arguments + 6;
  const uint32_t steps = 1 + (uint32_t)(count - 6);

  int socket_number = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  int buffer = 64 << 20;
  if (socket_number < 0 || bind(socket_number, (struct sockaddr *)&from, sizeof from) < 0) fail("socket");
  if (setsockopt(socket_number, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0) fail("buffer");
  for (int i = 0; i < batch; i++) {
    contents[i].iov_base = bytes[i];
    messages[i].msg_hdr.msg_iov = &contents[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &addresses[i];
  }
  // A packet's transaction id is its client's number times the steps, plus its step; step 0 is the look-up.
  uint16_t *ports = calloc(clients, sizeof *ports);
  uint32_t *waiting = calloc((size_t)clients * steps, sizeof *waiting);
  if (!ports || !waiting) fail("memory");
  uint32_t taken = 0, added = 0, looked_up = 0, under_way = 0, done = 0;

  while (done < clients * steps) {
    while (under_way < window && (taken < added || looked_up < clients)) {
      int filled = 0;
      while (filled < batch && under_way + (uint32_t)filled < window && (taken < added || looked_up < clients)) {
        const uint32_t id = taken < added ? waiting[taken++] : steps * looked_up++;
        const uint32_t client = id / steps, step = id % steps;
        uint8_t *at = bytes[filled];
        if (step == 0) {
          at = put_call(at, id, 100000, 2, 3);
          at = put(put(put(put(at, 100024), 1), IPPROTO_UDP), 0);
        } else {
          const uint32_t length = (uint32_t)strlen(names[step - 1]);
          at = put(put_call(at, id, 100024, 1, 6), length);
          memset(at, 0, (length + 3) & ~3u);
          memcpy(at, names[step - 1], length);
          at = put(at + ((length + 3) & ~3u), state);
        }
        contents[filled].iov_len = (size_t)(at - bytes[filled]);
        addresses[filled] = (struct sockaddr_in){.sin_family = AF_INET};
        addresses[filled].sin_addr.s_addr = htonl(ntohl(first.sin_addr.s_addr) + client);
        addresses[filled].sin_port = htons(step == 0 ? 111 : ports[client]);
        messages[filled].msg_hdr.msg_namelen = sizeof addresses[filled];
        filled++;
      }
      for (int sent = 0; sent < filled;) {
        int now = sendmmsg(socket_number, messages + sent, (unsigned)(filled - sent), 0);
        if (now < 0 && errno != EAGAIN) fail("sendmmsg");
        if (now > 0) sent += now;
      }
      under_way += (uint32_t)filled;
    }
    for (int i = 0; i < batch; i++) {
      contents[i].iov_len = room;
      messages[i].msg_hdr.msg_namelen = sizeof addresses[i];
    }
    int received = recvmmsg(socket_number, messages, batch, MSG_DONTWAIT, NULL);
    if (received < 0) {
      if (errno != EAGAIN) fail("recvmmsg");
      struct pollfd readable = {.fd = socket_number, .events = POLLIN};
      if (poll(&readable, 1, 1000) == 0) {
        fprintf(stderr, "bare-notify: %u packets got lost\n", under_way);
        return 1;
      }
      continue;
    }
    for (int i = 0; i < received; i++) {
      if (messages[i].msg_len < 24 || word(bytes[i] + 4) != 1 || word(bytes[i] + 8) != 0 || word(bytes[i] + 20) != 0) {
        fprintf(stderr, "bare-notify: a client refused\n");
        return 1;
      }
      const uint32_t id = word(bytes[i]);
      if (id >= clients * steps) continue;
      under_way--;
      done++;
      if (id % steps != 0) continue;
      ports[id / steps] = (uint16_t)word(bytes[i] + 24);
      for (uint32_t step = 1; step < steps; step++) waiting[added++] = id + step;
    }
  }
  printf("%u packets\n", done);
  return 0;
}
