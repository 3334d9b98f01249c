// Delivery into the message store. The queue file is linked into the mailboxes where that can be; deliveries
// bear ids, so that one which is repeated after a crash is there once.
#pragma once

#include "channels/ims_master/verdict.h"
#include "channels/master/master.h"
#include "common/directory/directory.h"
#include "store/delivery.h"

namespace waxwing::channels {

class ImsChannel : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;

 private:
  ImsChannel(MasterContext& context, std::shared_ptr<store::Store> store,
             std::shared_ptr<directory::Directory> directory);
  void read_keywords();
  store::DeliveryMessage message_of(Work& work) const;
  Result<store::DeliveryTarget> target_of(Work& work, std::size_t recipient) const;
  store::QuotaLimit quota_of(const std::string& user) const;

  MasterContext& context_;
  std::shared_ptr<store::Store> store_;
  std::shared_ptr<directory::Directory> directory_;
  WorkerPool workers_;  // own: a delivery waits for the disk, and many waiting at once share its flushes
  Quota quota_ = Quota::give_back_after_grace;
  bool return_path_ = false;
  std::uint32_t flags_ = 0;  // of delivered messages: deliveryflags
};

// "uid\tfolder\tpartition" as submission leaves it; folder empty: INBOX. Permanent error when malformed.
struct StoreAddress {
  std::string user, folder;
};
Result<StoreAddress> parse_store_address(const mta::queue::Recipient& recipient);

}  // namespace waxwing::channels
