#include "lf_rpc.h"

#include <errno.h>
#include <netconfig.h>
#include <rpc/rpc.h>
#include <rpc/rpcb_clnt.h>

struct blob {
  char *bytes;
  size_t capacity;
  size_t size;
};

// Moves bytes that are XDR already. One unit at a time: what is left of a record isn't known before its end.
static bool_t lf_pass(XDR *xdrs, void *argument) {
  struct blob *blob = argument;
  switch (xdrs->x_op) {
  case XDR_ENCODE:
    return blob->size == 0 || XDR_PUTBYTES(xdrs, blob->bytes, (u_int)blob->size);
  case XDR_DECODE: {
    char unit[BYTES_PER_XDR_UNIT];
    // The call may be sent again after half an answer.
    blob->size = 0;
    while (XDR_GETBYTES(xdrs, unit, sizeof unit)) {
      if (blob->capacity - blob->size < sizeof unit)
        return FALSE;
      memcpy(blob->bytes + blob->size, unit, sizeof unit);
      blob->size += sizeof unit;
    }
    return TRUE;
  }
  case XDR_FREE:
    return TRUE;
  }
  return FALSE;
}

static struct timeval lf_timeval(int milliseconds) {
  // A timeout of nothing means "don't wait for an answer" to libtirpc.
  if (milliseconds < 1)
    milliseconds = 1;
  struct timeval value = {milliseconds / 1000, milliseconds % 1000 * 1000};
  return value;
}

struct lf_rpc_outcome lf_rpc_call(int fd, int is_stream, const void *address, uint32_t address_size,
                                  uint32_t program, uint32_t version, uint32_t procedure,
                                  int timeout_ms, int retry_ms, const void *arguments,
                                  size_t arguments_size, void *results, size_t capacity,
                                  size_t *results_size) {
  struct lf_rpc_outcome outcome = {0};
  struct netbuf server = {.maxlen = address_size, .len = address_size, .buf = (void *)address};
  *results_size = 0;
  CLIENT *client = is_stream ? clnt_vc_create(fd, &server, program, version, 0, 0)
                             : clnt_dg_create(fd, &server, program, version, 0, 0);
  if (client == NULL) {
    outcome.status = rpc_createerr.cf_stat;
    outcome.error_number = rpc_createerr.cf_error.re_errno;
    if (outcome.status == RPC_SUCCESS)
      outcome.status = RPC_FAILED;
    return outcome;
  }
  if (!is_stream) {
    // 15 s by default.
    struct timeval retry = lf_timeval(retry_ms);
    clnt_control(client, CLSET_RETRY_TIMEOUT, (char *)&retry);
  }
  struct blob in = {.bytes = (char *)arguments, .size = arguments_size};
  struct blob out = {.bytes = results, .capacity = capacity};
  outcome.status = clnt_call(client, procedure, (xdrproc_t)lf_pass, (char *)&in, (xdrproc_t)lf_pass,
                             (char *)&out, lf_timeval(timeout_ms));
  struct rpc_err error;
  clnt_geterr(client, &error);
  switch (outcome.status) {
  case RPC_SUCCESS:
    *results_size = out.size;
    break;
  case RPC_VERSMISMATCH:
  case RPC_PROGVERSMISMATCH:
    outcome.low = error.re_vers.low;
    outcome.high = error.re_vers.high;
    break;
  case RPC_AUTHERROR:
    outcome.reason = error.re_why;
    break;
  case RPC_CANTSEND:
  case RPC_CANTRECV:
  case RPC_SYSTEMERROR:
    outcome.error_number = error.re_errno;
    break;
  default:
    break;
  }
  clnt_destroy(client);
  return outcome;
}

const char *lf_rpc_status_text(int status) {
  return clnt_sperrno((enum clnt_stat)status);
}

int lf_rpcb_set(uint32_t program, uint32_t version, const char *netid, const void *address,
                uint32_t address_size) {
  struct netconfig *transport = getnetconfigent(netid);
  if (transport == NULL)
    return 0;
  struct netbuf own = {.maxlen = address_size, .len = address_size, .buf = (void *)address};
  int done = rpcb_set(program, version, transport, &own);
  freenetconfigent(transport);
  return done;
}

int lf_rpcb_unset(uint32_t program, uint32_t version, const char *netid) {
  struct netconfig *transport = getnetconfigent(netid);
  if (transport == NULL)
    return 0;
  int done = rpcb_unset(program, version, transport);
  freenetconfigent(transport);
  return done;
}
