// What an answer of the store means for the recipient: delivered, tried again, given back, or held.
//
// The message was accepted, so only what will never work gives it back; a store in trouble lets it wait.
#pragma once

#include <cstdint>
#include <string>

#include "channels/master/master.h"
#include "store/delivery.h"

namespace waxwing::channels {

// What becomes of a recipient whose mailbox is full: by the channel's keywords.
enum class Quota { give_back_after_grace, hold, ignore };

struct FullMailbox {
  Quota what = Quota::give_back_after_grace;
  std::int64_t grace_ms = 0;  // since the message came
};

void judge(Work& work, std::size_t recipient, const store::DeliveryResult& result, const FullMailbox& full,
           std::int64_t now_ms);

// The same whenever this recipient of this file is delivered again, and of no other recipient or file, of which one
// message may have several in one channel.
std::string delivery_id(const mta::queue::FileName& name, std::size_t recipient);

}  // namespace waxwing::channels
