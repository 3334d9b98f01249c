// The handlers of the command table. Each takes a session and one command, writes untagged answers, and
// answers how the command ended. Arguments are parsed first; a syntax error touches nothing.
#pragma once

#include "imapd/session.h"

namespace waxwing::imap {

// any.cc
Task<Answer> capability(Session&, Command&);
Task<Answer> noop(Session&, Command&);
Task<Answer> check(Session&, Command&);
Task<Answer> logout(Session&, Command&);
Task<Answer> id(Session&, Command&);
Task<Answer> enable(Session&, Command&);
// starttls.cc
Task<Answer> starttls(Session&, Command&);
// login.cc
Task<Answer> login(Session&, Command&);
Task<Answer> authenticate(Session&, Command&);
// select.cc
Task<Answer> select(Session&, Command&);
Task<Answer> examine(Session&, Command&);
Task<Answer> close(Session&, Command&);
Task<Answer> unselect(Session&, Command&);
// mailboxes.cc
Task<Answer> create(Session&, Command&);
Task<Answer> remove(Session&, Command&);
Task<Answer> rename(Session&, Command&);
Task<Answer> subscribe(Session&, Command&);
Task<Answer> unsubscribe(Session&, Command&);
// list.cc
Task<Answer> list(Session&, Command&);
Task<Answer> lsub(Session&, Command&);
Task<Answer> name_space(Session&, Command&);
// status.cc
Task<Answer> status(Session&, Command&);
// append.cc
Task<Answer> append(Session&, Command&);
// idle.cc
Task<Answer> idle(Session&, Command&);
// quota.cc
Task<Answer> get_quota(Session&, Command&);
Task<Answer> get_quota_root(Session&, Command&);
Task<Answer> set_quota(Session&, Command&);
// expunge.cc
Task<Answer> expunge(Session&, Command&);
Task<Answer> uid_expunge(Session&, Command&);
// search.cc
Task<Answer> search(Session&, Command&);
// sort.cc
Task<Answer> sort(Session&, Command&);
// thread.cc
Task<Answer> thread(Session&, Command&);
// fetch.cc
Task<Answer> fetch(Session&, Command&);
// store.cc
Task<Answer> store_command(Session&, Command&);
// copy.cc
Task<Answer> copy(Session&, Command&);
Task<Answer> move(Session&, Command&);
// urlauth.cc
Task<Answer> gen_url_auth(Session&, Command&);
Task<Answer> url_fetch(Session&, Command&);
Task<Answer> reset_key(Session&, Command&);

}  // namespace waxwing::imap
