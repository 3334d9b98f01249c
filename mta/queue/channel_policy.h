// What a channel's keywords say about waiting, giving up and running: plain values, so that the schedule can
// be tested without a configuration. from_config() fills it from imta.cnf.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mta/queue/envelope.h"

namespace waxwing::mta {
class MtaConfig;
}

namespace waxwing::mta::queue {

struct ChannelPolicy {
  // By priority. Seconds between attempts, the last one repeats: backoff, urgentbackoff...
  std::array<std::vector<std::int64_t>, 3> backoff_seconds;
  // By priority. Ages in seconds: a warning at each but the last, at the last the message is returned.
  std::array<std::vector<std::int64_t>, 3> notice_seconds;
  // By priority: tried at once, or only after the first backoff time (immnormal, immurgent).
  std::array<bool, 3> immediate = {true, true, true};
  std::string pool;  // "" is the first pool of job_controller.cnf
  unsigned maxjobs = 10;
  unsigned filesperjob = 1000;  // ready units for which one more job is started; 0: never more than one
  unsigned threaddepth = 128;
  unsigned host_connections = 0;  // units of one host at once, whatever program works on them; 0: no limit
  unsigned host_rate = 0;         // units of one host a minute; 0: no limit
  unsigned addrsperjob = 0;       // recipients that are ready for which one more job is started; 0: not asked
  std::int64_t after_seconds = 0;  // a new message is not tried before that age
  // By priority. Tries begin at multiples of this time of day only; 0: at any time.
  std::array<std::int64_t, 3> period_seconds{};
  bool on_demand = false;  // slave: nothing is tried until the host's mail is asked for

  ChannelPolicy();  // the documented defaults
  // After that many attempts (from 1).
  std::int64_t backoff_ms(Priority priority, unsigned attempts) const;
  // The first moment at or after that time at which a try may begin: the same, but for periodic channels.
  std::int64_t next_run_ms(Priority priority, std::int64_t wall_ms) const;
  // Wall time at which the next warning, or the return, is due when that many warnings were sent. The sender's own
  // time (DELIVERBY) stands among them.
  std::int64_t next_notice_ms(Priority priority, const Clock& clock, unsigned notices_sent) const;
  std::int64_t return_at_ms(Priority priority, const Clock& clock) const;
  // How many warnings should have been sent by now.
  unsigned notices_due(Priority priority, const Clock& clock, std::int64_t now_ms) const;
};

// Defaults when the configuration knows no such channel.
ChannelPolicy policy_from_config(const MtaConfig& config, const std::string& channel);

}  // namespace waxwing::mta::queue
