// THREAD=ORDEREDSUBJECT, "poor man's threading": RFC 5256 §3.
#pragma once

#include "imapd/sort/mailbox_keys.h"
#include "imapd/thread/forest.h"

namespace waxwing::imap {

// order: positions by sent date. All messages of a base subject become children of the earliest one.
Forest ordered_subject(const ThreadKeys& keys, std::span<const std::uint32_t> order);

}  // namespace waxwing::imap
