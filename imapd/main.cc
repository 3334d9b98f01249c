// imapd: the IMAP server (RFC 9051, RFC 3501).
//
// imapd [--instance DIR]
//
// Listens on imap.port and imap.sslport, authenticates against the directory and serves mailboxes of the
// message store. One coroutine a session (session.cc); commands are in command_table.cc. See imapd(8).
#include "common/daemon/mail_server.h"
#include "imapd/server.h"

int main(int argc, char** argv) {
  return waxwing::run_mail_server<waxwing::imap::Server>(argc, argv, "imapd");
}
