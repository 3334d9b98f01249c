// Mailbox access keys (RFC 4467 §2): the secret by which URLs of one mailbox are signed. A new key makes every URL
// void that was signed with the old one; so does removing the mailbox, for the key goes with its files. Renaming
// keeps it, but a URL has the name in it.
//
// Everything blocks. Thread-safe; only one process (imapd) writes keys. Errors as in store/store.h.
#pragma once

#include <string>
#include <string_view>

#include "store/store.h"

namespace waxwing::store {

inline constexpr std::size_t kAccessKeyBytes = 32;

// Empty: the mailbox has none. Code::corrupt: its file is damaged, and no URL counts until there is a new key.
Result<std::string> access_key(Store& store, const MailboxName& name);
// The key, made now where there is none or a damaged one; durable when this answers.
Result<std::string> make_access_key(Store& store, const MailboxName& name);
// A new key in its place, durable when this answers.
Result<> renew_access_key(Store& store, const MailboxName& name);
// All keys of the user's mailboxes are gone, durably, when this answers.
Result<> remove_access_keys(Store& store, std::string_view user);

}  // namespace waxwing::store
