// What Swift needs of libtirpc, without xdrproc_t, macros that act like functions, and thread-local errors.
#ifndef LF_RPC_H
#define LF_RPC_H

// No further header: what this one includes would belong to this module for Swift, not to Glibc.
#include <stddef.h>
#include <stdint.h>

// What became of a call, in libtirpc's numbers.
struct lf_rpc_outcome {
  int status;        // enum clnt_stat; 0 is success
  int error_number;  // errno of a local failure, 0 where there is none
  uint32_t low;      // the versions that the server has, where it refused another one
  uint32_t high;
  uint32_t reason;   // enum auth_stat, where the server refused the credential
};

// Calls a procedure with AUTH_NONE, on a socket that is connected to address and stays the caller's. The
// arguments are XDR already; up to capacity bytes of XDR come back. address is a struct
// sockaddr of any family.
struct lf_rpc_outcome lf_rpc_call(int fd, int is_stream, const void *address, uint32_t address_size,
                                  uint32_t program, uint32_t version, uint32_t procedure,
                                  int timeout_ms, int retry_ms, const void *arguments,
                                  size_t arguments_size, void *results, size_t capacity,
                                  size_t *results_size);

// What libtirpc says of a status, such as "RPC: Program unavailable". Constant text.
const char *lf_rpc_status_text(int status);

// Registers with the local rpcbind, or takes the registration back; 1 is success.
int lf_rpcb_set(uint32_t program, uint32_t version, const char *netid, const void *address,
                uint32_t address_size);
int lf_rpcb_unset(uint32_t program, uint32_t version, const char *netid);

#endif
