#include "mta/config/postmaster.h"

#include "common/base/strings.h"

namespace waxwing::mta {

std::string postmaster_of(const MtaConfig& config, const Channel* channel) {
  if (channel != nullptr && channel->given(Kw::returnaddress))
    return std::string(channel->word(Kw::returnaddress));
  auto address = replace_all(config.options().text(Opt::RETURN_ADDRESS), "&/IMTA_HOST/", config.local_host());
  return address.empty() ? "postmaster@" + config.local_host() : address;
}

ReturnEnvelope return_envelope(const MtaConfig& config, const Channel* channel) {
  auto bits = config.options().number(Opt::RETURN_ENVELOPE);
  if (channel != nullptr) bits = channel->number(Kw::returnenvelope, bits);
  return {(bits & 1) != 0, (bits & 2) != 0};
}

}  // namespace waxwing::mta
