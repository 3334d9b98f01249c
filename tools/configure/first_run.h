// A first run of configure that fails leaves its folder as it found it.
#pragma once

#include <string>
#include <vector>

namespace waxwing::configure {

// Made before anything is laid out in folder, which may not be there yet and holds no instance. Unless keep() was
// called, the end takes away what came into it since, and the folder itself when it came too. What was there stays.
class FirstRun {
 public:
  explicit FirstRun(std::string folder);
  ~FirstRun();
  FirstRun(const FirstRun&) = delete;
  FirstRun& operator=(const FirstRun&) = delete;
  void keep() { kept_ = true; }

 private:
  std::string folder_;
  bool was_there_, kept_ = false;
  std::vector<std::string> names_;
};

}  // namespace waxwing::configure
