// What SORT and THREAD compare, taken from one message's cached header lines: RFC 5256 §2, RFC 5957. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/mail/header.h"
#include "store/mailbox.h"

namespace waxwing::imap {

// Text to compare, case-folded as SEARCH does it. Of very long ones the first kMostKeyBytes decide the order;
// a hash behind them keeps different ones different.
inline constexpr std::size_t kMostKeyBytes = 512;
// Of a References: field that names more, the first and the last ones count.
inline constexpr std::size_t kMostReferences = 100;

enum AddressKey : unsigned char { from, to, cc, display_from, display_to };
inline constexpr std::size_t kAddressKeys = 5;

struct MessageKeys {
  std::uint32_t uid = 0;
  std::int64_t sent = 0;  // Date: in UTC seconds; the internal date when there is none
  std::string subject;    // base subject
  bool is_reply_or_forward = false;
  std::array<std::string, kAddressKeys> addresses;
  std::uint64_t id = 0;                   // hash of the Message-ID; 0: it has none
  std::vector<std::uint64_t> references;  // hashes, oldest first
};

// Which of them are wanted, as bits.
enum KeyColumn : unsigned { kSent = 1, kSubject = 2, kAddresses = 4, kIds = 8 };

MessageKeys message_keys(const mail::HeaderBlock& header, const store::MessageInfo& message,
                         unsigned columns);

}  // namespace waxwing::imap
