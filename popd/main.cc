// popd: POP3 (RFC 1939), with CAPA and response codes (RFC 2449), STLS (RFC 2595), SASL (RFC 5034).
//
//   a connection on pop.port or pop.sslport → Session::run(), one coroutine → the user's INBOX in the store.
//
// See popd(8).
#include "common/daemon/mail_server.h"
#include "popd/server.h"

int main(int argc, char** argv) {
  return waxwing::run_mail_server<waxwing::pop::Server>(argc, argv, "popd");
}
