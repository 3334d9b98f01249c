#include "channels/ims_master/ims_channel.h"

#include "channels/master/local_text.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

Result<StoreAddress> parse_store_address(const mta::queue::Recipient& recipient) {
  std::string_view rest = recipient.final_data;
  StoreAddress address;
  address.user = take_until(rest, '\t');
  address.folder = take_until(rest, '\t');
  if (address.user.empty())
    return permanent("no mailbox is known for " + printable(recipient.address) +
                     ": it was not resolved by the directory");
  if (address.folder.empty()) address.folder = "INBOX";
  return address;
}

ImsChannel::ImsChannel(MasterContext& context, std::shared_ptr<store::Store> store,
                       std::shared_ptr<directory::Directory> directory)
    : context_(context),
      store_(std::move(store)),
      directory_(std::move(directory)),
      workers_(static_cast<unsigned>(
          std::max<std::int64_t>(1, context.daemon().config()->number("ims_master.concurrency")))) {
  read_keywords();
  context_.daemon().on_reload([this] {
    read_keywords();
    directory_->flush();
  });
}

Result<std::unique_ptr<Channel>> ImsChannel::create(MasterContext& context) {
  const auto config = context.daemon().config();
  TRY(auto store, store::Store::open(config));
  TRY(auto directory, directory::Directory::open(*config));
  return std::unique_ptr<Channel>(new ImsChannel(context, std::move(store), std::move(directory)));
}

void ImsChannel::read_keywords() {
  const auto config = mta::MtaConfig::load(context_.daemon().config()->root());
  if (!config) return log::Event("mta.reload.refused").with("error", config.error().text).error();
  const auto* channel = (*config)->channel(context_.channel());
  if (channel == nullptr) return;
  quota_ = channel->is(mta::Kw::exquota)       ? Quota::ignore
           : channel->is(mta::Kw::holdexquota) ? Quota::hold
                                               : Quota::give_back_after_grace;
  return_path_ = channel->is(mta::Kw::addreturnpath);
  flags_ = static_cast<std::uint32_t>(channel->number(mta::Kw::deliveryflags, 0)) & store::kSystemFlags;
}

// The user's own limits; the system's when the directory does not say or cannot be asked now: a message that
// was accepted is not kept waiting for a directory that is down.
store::QuotaLimit ImsChannel::quota_of(const std::string& user) const {
  auto limit = store_->default_quota();
  const auto found = directory_->user_by_name(user, directory::Ask::may_block);
  if (!found || !*found) return limit;
  if ((*found)->quota_bytes != directory::kSystemDefault) limit.bytes = (*found)->quota_bytes;
  if ((*found)->message_quota != directory::kSystemDefault) limit.messages = (*found)->message_quota;
  return limit;
}

Result<store::DeliveryTarget> ImsChannel::target_of(Work& work, std::size_t index) const {
  const auto& envelope = work.envelope();
  const auto& recipient = envelope.recipients[index];
  TRY(const auto address, parse_store_address(recipient));
  store::DeliveryTarget target;
  target.user = address.user;
  target.folder = address.folder;
  target.flags = flags_;
  target.ignore_quota = quota_ == Quota::ignore;
  if (!target.ignore_quota) target.limit = quota_of(address.user);
  target.delivery_id = delivery_id(work.message().name(), index);
  // We may have died after the store's commit and before our mark, and then nothing tells us so.
  target.may_repeat_since = envelope.arrival_ms / 1000;
  return target;
}

store::DeliveryMessage ImsChannel::message_of(Work& work) const {
  store::DeliveryMessage message;
  message.file = &work.message().file();
  message.internal_date = work.envelope().arrival_ms / 1000;
  // A prefix costs the link, so a message that was queued with its Return-Path: keeps it.
  constexpr std::string_view kField = "Return-Path:";
  const auto start = work.message().read_message(0, kField.size());
  if (return_path_ && !(start && iequals(*start, kField)))
    message.prefix = "Return-Path: <" + work.envelope().sender + ">\r\n";
  // Of one recipient only: several share their copy, and no field of it may be of one of them.
  if (work.pending().size() == 1)
    message.prefix += original_recipient_line(work.message(), work.pending().front(), "\r\n");
  return message;
}

Task<void> ImsChannel::deliver(Work& work) {
  work.set_final(true);
  std::vector<std::size_t> indexes;
  store::DeliveryMessage message;
  const std::function<std::vector<store::DeliveryTarget>()> targets = [&] {
    message = message_of(work);
    std::vector<store::DeliveryTarget> found;
    for (const auto i : work.pending()) {
      auto target = target_of(work, i);
      if (!target) {
        work.failed(i, "5.1.1 " + target.error().text);
        continue;
      }
      found.push_back(std::move(*target));
      indexes.push_back(i);
    }
    return found;
  };
  const auto results = co_await store::deliver_on(workers_, *store_, message, targets);
  const FullMailbox full{quota_, context_.daemon().config()->number("store.quotagraceperiod") * 1000};
  for (std::size_t k = 0; k < indexes.size() && k < results.size(); ++k)
    judge(work, indexes[k], results[k], full, wall_ms());
}

}  // namespace waxwing::channels
