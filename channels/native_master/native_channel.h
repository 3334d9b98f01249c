// Delivery into the mailboxes of the system's own accounts.
#pragma once

#include "channels/master/master.h"
#include "channels/native_master/mailbox.h"

namespace waxwing::channels {

class NativeChannel : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;

 private:
  explicit NativeChannel(MasterContext& context);
  void read_settings();
  void deliver_one(Work& work, std::size_t recipient) const;
  struct Place {
    Owner owner;
    std::string path;
  };
  Result<Place> file_place(const mta::queue::Recipient& recipient) const;
  Result<Place> account_place(Owner owner) const;
  Result<> put(Work& work, std::size_t recipient, Place place) const;

  MasterContext& context_;
  WorkerPool workers_;   // own: a delivery waits for locks and for the disk
  std::string pattern_;  // MAIL_DELIVERY_FILENAME
  bool return_path_ = false;
};

}  // namespace waxwing::channels
